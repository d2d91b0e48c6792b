#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Compares Palimpsest with PyTorch: the same encoder, weights and batch, timed alternately.

    python3 bench/compare_torch.py --program ./palimpsest

Options and output are those of compare_all.py. PyTorch runs eagerly and with torch.compile, in f32
and under bf16 autocast, where the installed version can. Its batch is dense and made once; ours is
drawn and packed in every step.
"""
import math

import twin


class Encoder:
    variants = ["eager", "compiled", "bf16", "bf16 compiled"]

    def __init__(self, case, threads):
        import torch
        self.torch, self.case = torch, case
        self.name = "PyTorch " + torch.__version__
        torch.set_num_threads(threads)
        self.token = torch.from_numpy(case.token)
        self.target = torch.from_numpy(case.target)
        self.weight = torch.from_numpy(case.weight)
        self.rotation = [torch.from_numpy(x) for x in case.rotary()]
        self.forbidden = torch.arange(case.vocabulary) == case.mask

    def parameters(self):
        """New leaf tensors with the weights of the case."""
        return {name: self.torch.from_numpy(array.copy()).requires_grad_()
                for name, array in self.case.weights.items()}

    # ---- the network -------------------------------------------------------------------------

    def linear(self, p, name, x):
        return self.torch.nn.functional.linear(x, p[name + ".weight"], p.get(name + ".bias"))

    def norm(self, p, name, x):
        return self.torch.nn.functional.layer_norm(x, (self.case.width,), p[name + ".gain"],
                                                   p.get(name + ".bias"), 1e-5)

    def rotate(self, x):
        """Rotary embedding (rotate-half) of x [batch, heads, length, columns]."""
        cosine, sine = self.rotation
        length = x.shape[2]
        cosine, sine = cosine[:length].to(x.dtype), sine[:length].to(x.dtype)
        a, b = x.chunk(2, dim=-1)
        return self.torch.cat([a * cosine - b * sine, b * cosine + a * sine], dim=-1)

    def attention(self, q, k, v):
        functional = self.torch.nn.functional
        if hasattr(functional, "scaled_dot_product_attention"):
            return functional.scaled_dot_product_attention(q, k, v)
        scores = q @ k.transpose(-1, -2) / math.sqrt(q.shape[-1])
        return self.torch.softmax(scores, dim=-1) @ v

    def block(self, p, name, x):
        batch, length, width = x.shape
        y = self.linear(p, name + "attention.qkv", self.norm(p, name + "attention.norm", x))
        y = y.view(batch, length, 3, self.case.heads, width // self.case.heads)
        q, k, v = y.permute(2, 0, 3, 1, 4).unbind(0)
        y = self.attention(self.rotate(q), self.rotate(k), v)
        y = y.transpose(1, 2).reshape(batch, length, width)
        x = x + self.linear(p, name + "attention.out", y)
        y = self.linear(p, name + "mlp.in", self.norm(p, name + "mlp.norm", x))
        y = self.torch.nn.functional.gelu(y, approximate="tanh")
        return x + self.linear(p, name + "mlp.out", y)

    def logits(self, p, token):
        x = self.torch.nn.functional.embedding(token, p["model.embedding.weight"])
        for i in range(self.case.layers):
            x = self.block(p, "model.block.%d." % i, x)
        return self.linear(p, "model.output", self.norm(p, "model.norm", x))

    def without_mask(self, logits):
        """The logits in f32 with the mask token excluded, since it is never predicted."""
        return logits.float().masked_fill(self.forbidden, -math.inf)

    def loss(self, p):
        logits = self.without_mask(self.logits(p, self.token))
        nats = self.torch.nn.functional.cross_entropy(
            logits.view(-1, self.case.vocabulary), self.target.clamp(min=0).view(-1),
            reduction="none")
        return (nats * self.weight.view(-1)).sum() / self.case.count

    # ---- what is measured ----------------------------------------------------------------------

    def gradients(self):
        p = self.parameters()
        loss = self.loss(p)
        loss.backward()
        return loss.item(), {name: x.grad.numpy() for name, x in p.items()}

    def variant(self, name, function):
        """`function` under autocast and compiled, as the variant's name says."""
        torch = self.torch
        if "bf16" in name:
            plain = function

            def function(*arguments):
                with torch.autocast("cpu", dtype=torch.bfloat16):
                    return plain(*arguments)
        return torch.compile(function) if "compiled" in name else function

    def optimizer(self, p):
        groups = [{"params": [x for name, x in p.items() if twin.decays(name) == decay],
                   "weight_decay": 0.01 if decay else 0.0} for decay in (True, False)]
        try:
            return self.torch.optim.AdamW(groups, lr=1e-4, fused=True)
        except (TypeError, RuntimeError, ValueError):  # versions without it on the CPU
            return self.torch.optim.AdamW(groups, lr=1e-4)

    def stepper(self, name):
        loss, p = self.variant(name, self.loss), self.parameters()
        leaves, update = list(p.values()), self.optimizer(p)

        def run():
            update.zero_grad(set_to_none=True)
            loss(p).backward()
            self.torch.nn.utils.clip_grad_norm_(leaves, 1.0)
            update.step()
        return run

    def forward(self, name):
        logits, p, token = self.variant(name, self.logits), self.parameters(), self.token[:1]

        def run():
            with self.torch.inference_mode():
                return logits(p, token)
        return run

    def decode_pass(self, p, token):
        """Writes the most confident mask of every board."""
        chance = self.torch.log_softmax(self.without_mask(self.logits(p, token)), dim=-1)
        best, value = chance.max(dim=-1)
        place = best.masked_fill(token != self.case.mask, -math.inf).argmax(dim=-1, keepdim=True)
        return token.scatter(1, place, value.gather(1, place))

    def decoder(self, name):
        one_pass, p = self.variant(name, self.decode_pass), self.parameters()
        boards = self.torch.from_numpy(self.case.boards())

        def run():
            token = boards
            with self.torch.inference_mode():
                for _ in range(twin.PASSES):
                    token = one_pass(p, token)
            return token
        return run


if __name__ == "__main__":
    twin.main(Encoder, "torch")
