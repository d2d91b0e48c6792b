# SPDX-License-Identifier: Apache-2.0
"""What compare_torch.py and compare_jax.py share: reading a case that `palimpsest bench train` has
exported, checking that loss and gradients agree, and timing at the request of compare_all.py.

A twin repeats a case in another library. It is a class, constructed as (case, threads), with these
members:
    name            name and version of the library
    variants        names of ways to run it, e.g. ["eager", "compiled"]
    gradients()     (loss, {name: gradient}) of the case's batch, in f32
    stepper(v)      a function that does one training step in variant v
    forward(v)      a function that computes the logits of one sequence
    decoder(v)      a function that decodes the whole batch in PASSES passes
A variant that cannot do something raises an exception.
"""
import json
import os
import struct
import sys
import time

DTYPES = {"F32": "<f4", "I32": "<i4", "U8": "u1"}
PASSES = 8  # of decoding, as in `palimpsest bench decode`


def read_safetensors(path):
    """{name: array} of a safetensors file without bf16 tensors."""
    import numpy
    with open(path, "rb") as file:
        data = file.read()
    size = struct.unpack("<Q", data[:8])[0]
    header, body = json.loads(data[8:8 + size]), data[8 + size:]
    header.pop("__metadata__", None)
    tensors = {}
    for name, t in header.items():
        begin, end = t["data_offsets"]
        array = numpy.frombuffer(body[begin:end], DTYPES[t["dtype"]])
        tensors[name] = array.reshape(t["shape"]).copy()
    return tensors


def decays(name):
    """Whether weight decay applies: to weight matrices except the embedding, as in Palimpsest."""
    return name.endswith(".weight") and name != "model.embedding.weight"


class Case:
    """An exported case: settings, weights, one batch, and Palimpsest's loss and gradients."""

    def __init__(self, directory):
        import numpy
        with open(os.path.join(directory, "case.json"), encoding="utf-8") as file:
            c = json.load(file)
        for key in ("layers", "width", "heads", "hidden", "length", "batch", "vocabulary", "mask",
                    "count", "loss", "rotary_base"):
            setattr(self, key, c[key])
        shape = (c["batch"], c["length"])
        self.token = numpy.array(c["token"], numpy.int64).reshape(shape)
        self.target = numpy.array(c["target"], numpy.int64).reshape(shape)
        self.weight = numpy.array(c["weight"], numpy.float32).reshape(shape)
        self.weights = read_safetensors(os.path.join(directory, "weights.safetensors"))
        self.gradients = read_safetensors(os.path.join(directory, "gradients.safetensors"))

    def rotary(self):
        """Cosines and sines [length, head width / 2] of the rotary embedding (rotate-half)."""
        import numpy
        d = self.width // self.heads
        angle = numpy.arange(self.length)[:, None] * self.rotary_base ** (-numpy.arange(0, d, 2) / d)
        return numpy.cos(angle).astype(numpy.float32), numpy.sin(angle).astype(numpy.float32)

    def boards(self):
        """The tokens from which decoding starts [batch, length]: one token, then masks."""
        import numpy
        token = numpy.full_like(self.token, self.mask)
        token[:, 0] = numpy.arange(self.batch) % (self.vocabulary - 1)
        return token


def check(case, twin):
    """Checks that loss and gradients agree up to the rounding of f32."""
    import numpy
    loss, gradients = twin.gradients()
    worst, where = 0.0, "nothing"
    for name, mine in case.gradients.items():
        theirs = numpy.asarray(gradients[name], numpy.float64)
        scale = numpy.abs(mine).max()
        difference = numpy.abs(theirs - mine).max() / scale if scale > 0 else numpy.abs(theirs).max()
        if not difference <= worst:
            worst, where = float(difference), name
    off = abs(float(loss) - case.loss) / abs(case.loss)
    agree = off < 1e-5 and worst < 1e-3 and set(gradients) == set(case.gradients)
    return {"agree": bool(agree),
            "text": "loss %.8g here, %.8g there; gradients differ by %.2g of their largest at most (%s)"
                    % (case.loss, float(loss), worst, where)}


def seconds_of(run, least):
    """Seconds of one run, averaged over as many as take `least` seconds."""
    times, start = 0, time.perf_counter()
    while True:
        run()
        times += 1
        now = time.perf_counter() - start
        if now >= least:
            return now / times


def serve(make, threads):
    """Answers requests, a line of JSON each: {"case": directory, "what": check, train, latency or
    decode, "variant": name, "seconds": of a turn}. A function is made and run twice at its first
    request, untimed: that compiles it and touches its memory."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # anything else that is printed goes to stderr
    twins, runs = {}, {}
    for line in sys.stdin:
        r = json.loads(line)
        try:
            if r["case"] not in twins:
                twins[r["case"]] = make(Case(r["case"]), threads)
            twin, key = twins[r["case"]], (r["case"], r["what"], r["variant"])
            if r["what"] == "check":
                answer = dict(check(twin.case, twin), library=twin.name)
            else:
                if key not in runs:
                    parts = {"train": twin.stepper, "latency": twin.forward, "decode": twin.decoder}
                    runs[key] = parts[r["what"]](r["variant"])
                    runs[key](), runs[key]()
                answer = {"ms": 1e3 * seconds_of(runs[key], r["seconds"])}
        except Exception as error:  # any error is reported in the answer
            answer = {"error": "%s: %s" % (type(error).__name__, str(error).strip().split("\n")[0])}
        print(json.dumps(answer), file=answers, flush=True)


def main(make, peer):
    """A twin's program: `--serve THREADS`, or a comparison with it alone."""
    if sys.argv[1:2] == ["--serve"]:
        serve(make, int(sys.argv[2]))
    else:
        import compare_all
        compare_all.main([peer])
