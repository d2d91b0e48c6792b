#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Compares Palimpsest with JAX: the same encoder, weights and batch, timed alternately.

    python3 bench/compare_jax.py --program ./palimpsest

Options and output are those of compare_all.py. Everything is compiled by jax.jit. The variant
"jit bf16" has bf16 weights and activations in the forward and backward pass, and f32 master weights.
"""
import math

import twin


class Encoder:
    variants = ["jit", "jit bf16"]

    def __init__(self, case, threads):
        del threads  # compare_all.py sets the number of threads by the environment
        import jax
        import jax.numpy
        self.jax, self.np, self.case = jax, jax.numpy, case
        self.name = "JAX " + jax.__version__
        self.token = self.np.array(case.token.astype("int32"))
        self.target = self.np.array(case.target.clip(min=0).astype("int32"))
        self.weight = self.np.array(case.weight)
        self.rotation = [self.np.array(x) for x in case.rotary()]

    def parameters(self):
        return {name: self.np.array(array) for name, array in self.case.weights.items()}

    # ---- the network -------------------------------------------------------------------------

    def linear(self, p, name, x):
        y = self.np.matmul(x, p[name + ".weight"].T)
        return y + p[name + ".bias"] if name + ".bias" in p else y

    def norm(self, p, name, x):
        mean = self.np.mean(x, axis=-1, keepdims=True)
        centred = x - mean
        variance = self.np.mean(centred * centred, axis=-1, keepdims=True)
        y = centred / self.np.sqrt(variance + 1e-5) * p[name + ".gain"]
        return y + p[name + ".bias"] if name + ".bias" in p else y

    def rotate(self, x):
        """Rotary embedding (rotate-half) of x [batch, heads, length, columns]."""
        half = x.shape[-1] // 2
        cosine, sine = [r[:x.shape[2]].astype(x.dtype) for r in self.rotation]
        a, b = x[..., :half], x[..., half:]
        return self.np.concatenate([a * cosine - b * sine, b * cosine + a * sine], axis=-1)

    def softmax(self, x):
        e = self.np.exp(x - self.np.max(x, axis=-1, keepdims=True))
        return e / self.np.sum(e, axis=-1, keepdims=True)

    def log_softmax(self, x):
        x = x - self.np.max(x, axis=-1, keepdims=True)
        return x - self.np.log(self.np.sum(self.np.exp(x), axis=-1, keepdims=True))

    def block(self, p, name, x):
        np = self.np
        batch, length, width = x.shape
        heads = self.case.heads
        y = self.linear(p, name + "attention.qkv", self.norm(p, name + "attention.norm", x))
        y = np.transpose(np.reshape(y, (batch, length, 3, heads, width // heads)), (2, 0, 3, 1, 4))
        q, k, v = self.rotate(y[0]), self.rotate(y[1]), y[2]
        scores = np.matmul(q, np.swapaxes(k, -1, -2)) / math.sqrt(width // heads)
        y = np.matmul(self.softmax(scores), v)
        y = np.reshape(np.transpose(y, (0, 2, 1, 3)), (batch, length, width))
        x = x + self.linear(p, name + "attention.out", y)
        y = self.linear(p, name + "mlp.in", self.norm(p, name + "mlp.norm", x))
        y = 0.5 * y * (1 + np.tanh(math.sqrt(2 / math.pi) * (y + 0.044715 * y * y * y)))
        return x + self.linear(p, name + "mlp.out", y)

    def logits(self, p, token):
        x = p["model.embedding.weight"][token]
        for i in range(self.case.layers):
            x = self.block(p, "model.block.%d." % i, x)
        return self.linear(p, "model.output", self.norm(p, "model.norm", x))

    def without_mask(self, logits):
        """The logits in f32 with the mask token excluded, since it is never predicted."""
        forbidden = self.np.arange(self.case.vocabulary) == self.case.mask
        return self.np.where(forbidden, -1e30, logits.astype("float32"))

    def loss(self, p, low):
        if low:  # weights and activations in bf16, softmax and loss in f32
            p = {name: x.astype(self.np.bfloat16) for name, x in p.items()}
        chance = self.log_softmax(self.without_mask(self.logits(p, self.token)))
        chosen = self.np.arange(self.case.vocabulary) == self.target[..., None]
        nats = -self.np.sum(self.np.where(chosen, chance, 0.0), axis=-1)
        return self.np.sum(nats * self.weight) / self.case.count

    # ---- what is measured ----------------------------------------------------------------------

    def gradients(self):
        loss, gradients = self.jax.value_and_grad(lambda p: self.loss(p, False))(self.parameters())
        return float(loss), gradients

    def update(self, state, low):
        """AdamW after clipping to norm 1, as Palimpsest's trainer does by default."""
        np = self.np
        p, first, second, step = state
        _, gradients = self.jax.value_and_grad(lambda q: self.loss(q, low))(p)
        norm = np.sqrt(sum(np.sum(g * g) for g in gradients.values()))
        scale = np.minimum(1.0, 1.0 / norm)
        step = step + 1
        new = ({}, {}, {}, step)
        for name, g in gradients.items():
            g = g * scale
            new[1][name] = 0.9 * first[name] + 0.1 * g
            new[2][name] = 0.999 * second[name] + 0.001 * g * g
            rise = new[1][name] / (1 - 0.9 ** step)
            root = np.sqrt(new[2][name] / (1 - 0.999 ** step))
            decay = 0.01 if twin.decays(name) else 0.0
            new[0][name] = p[name] - 1e-4 * (rise / (root + 1e-8) + decay * p[name])
        return new

    def repeat(self, function, state, carry):
        """A function that runs `function` once and waits; with `carry`, on the last result."""
        compiled, box = self.jax.jit(function), [state]

        def run():
            result = compiled(box[0])
            self.jax.block_until_ready(result)
            if carry:
                box[0] = result
        return run

    def stepper(self, name):
        p = self.parameters()
        zeros = [{key: self.np.zeros_like(x) for key, x in p.items()} for _ in range(2)]
        state = (p, zeros[0], zeros[1], self.np.array(0.0))
        return self.repeat(lambda s: self.update(s, "bf16" in name), state, True)

    def cast(self, name):
        p = self.parameters()
        return {key: x.astype(self.np.bfloat16) for key, x in p.items()} if "bf16" in name else p

    def forward(self, name):
        p, token = self.cast(name), self.token[:1]
        return self.repeat(lambda q: self.logits(q, token), p, False)

    def decoder(self, name):
        np, case = self.np, self.case
        places, boards = np.arange(case.length), np.array(case.boards().astype("int32"))

        def one_pass(p, token):
            """Writes the most confident mask of every board."""
            chance = self.log_softmax(self.without_mask(self.logits(p, token)))
            best = np.where(token == case.mask, np.max(chance, axis=-1), -np.inf)
            written = places == np.argmax(best, axis=-1)[:, None]
            return np.where(written, np.argmax(chance, axis=-1).astype("int32"), token)

        def passes(p):
            return self.jax.lax.fori_loop(0, twin.PASSES, lambda i, token: one_pass(p, token), boards)
        return self.repeat(passes, self.cast(name), False)


if __name__ == "__main__":
    twin.main(Encoder, "jax")
