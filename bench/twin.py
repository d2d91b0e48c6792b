"""What the twins of `palimpsest bench` share: a case read from files, both sides timed in turn.

A twin is a class with these members (see compare_torch.py):
    name            text for the table
    variants        names of its ways of running, e.g. ["default", "compiled", "bf16"]
    gradients()     (loss, {name: array}) of the case's batch, in f32
    stepper(v)      a function that does one training step in variant v, or None
    forward(v)      a function that computes the logits of one sequence, or None
    decoder(v)      a function that does one decoding pass over the whole batch, or None
"""
import argparse
import json
import os
import statistics
import struct
import subprocess
import sys
import tempfile
import time

DTYPES = {"F32": "<f4", "I32": "<i4", "U8": "u1"}
LEAST_SECONDS = 1.0  # of one round


def read_safetensors(path):
    """{name: array} of a safetensors file; bf16 does not occur here."""
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


class Case:
    """Settings, weights, one batch, its loss and gradients as Palimpsest computed them."""

    def __init__(self, directory):
        import numpy
        with open(os.path.join(directory, "case.json"), encoding="utf-8") as file:
            c = json.load(file)
        self.name = c["case"]
        for key in ("layers", "width", "heads", "hidden", "length", "batch", "vocabulary", "mask",
                    "count", "loss", "rotary_base", "flops_per_step"):
            setattr(self, key, c[key])
        shape = (c["batch"], c["length"])
        self.token = numpy.array(c["token"], numpy.int64).reshape(shape)
        self.target = numpy.array(c["target"], numpy.int64).reshape(shape)
        self.weight = numpy.array(c["weight"], numpy.float32).reshape(shape)
        self.weights = read_safetensors(os.path.join(directory, "weights.safetensors"))
        self.gradients = read_safetensors(os.path.join(directory, "gradients.safetensors"))

    def rotary(self):
        """Cosines and sines [length, head / 2] of the rotate-half embedding."""
        import numpy
        d = self.width // self.heads
        angle = numpy.arange(self.length)[:, None] * self.rotary_base ** (-numpy.arange(0, d, 2) / d)
        return numpy.cos(angle).astype(numpy.float32), numpy.sin(angle).astype(numpy.float32)


def ours(options, part, case, rounds, out=None):
    """Runs `palimpsest bench part` and returns its results."""
    with tempfile.TemporaryDirectory() as scratch:
        result = os.path.join(scratch, "result.json")
        command = [options.program, "bench", part] + ([case] if part == "train" else [])
        command += ["--threads", str(options.threads), "--n", str(rounds), "--json", result, "--quiet"]
        command += ["--out", out] if out else []
        command += [x for s in options.set for x in ("--set", s)] if part == "train" else []
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        with open(result, encoding="utf-8") as file:
            return json.load(file)


def check(case, twin):
    """Loss and every gradient must agree to f32's rounding; False otherwise."""
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
    good = off < 1e-5 and worst < 1e-3 and set(gradients) == set(case.gradients)
    print("loss %.8g here, %.8g there; gradients differ by %.2g of their largest at most (%s): %s"
          % (case.loss, float(loss), worst, where, "agree" if good else "DO NOT AGREE"))
    return good


def seconds_of(run):
    """Seconds of one run, from as many as last LEAST_SECONDS."""
    times, start = 0, time.perf_counter()
    while True:
        run()
        times += 1
        now = time.perf_counter() - start
        if now >= LEAST_SECONDS:
            return now / times


def alternate(options, what, unit, work, our_ms, theirs):
    """Rounds of A, B, B', A, ...: ours, then every variant of theirs. `work`: units of one run."""
    rows = {"palimpsest": []}
    rows.update({name: [] for name in theirs})
    for run in theirs.values():
        run(), run()  # compile, touch memory
    for _ in range(options.rounds):
        rows["palimpsest"].append(our_ms())
        for name, run in theirs.items():
            rows[name].append(1e3 * seconds_of(run))
    mine = statistics.median(rows["palimpsest"])
    table = []
    for name, ms in rows.items():
        median = statistics.median(ms)
        spread = (max(ms) - min(ms)) / median
        print("  %-10s %-28s %10.3f ms  %12.1f %s/s  range %4.1f %%%s"
              % (what, name, median, work / median * 1e3, unit, 100 * spread,
                 "   ours is %.2f times as fast" % (median / mine) if name in theirs else ""))
        table.append({"what": what, "side": name, "ms": median, unit + "_per_s": work / median * 1e3,
                      "range": spread, "ratio": median / mine})
    return table


def only(results, **wanted):
    """The one result with these values."""
    for result in results:
        if all(result[key] == value for key, value in wanted.items()):
            return result
    raise SystemExit("palimpsest gave no result with %s" % wanted)


def runs(twin, make):
    """{label: function} of the variants that exist."""
    found = {}
    for variant in twin.variants:
        run = make(variant)
        if run is not None:
            found["%s, %s" % (twin.name, variant)] = run
    return found


def arguments(description):
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--program", default="palimpsest", help="the palimpsest to compare with")
    parser.add_argument("--case", default="A,B,C,D", help="cases of `palimpsest bench train`")
    parser.add_argument("--what", default="check,train,latency,decode",
                        help="check: loss and gradients; train: whole steps; latency: one sequence of "
                             "case A; decode: a pass over the boards of case C")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=5, help="turns of each side")
    parser.add_argument("--repeat", type=int, default=3, help="repetitions within a turn of ours")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE",
                        help="passed to `palimpsest bench train`, e.g. train.shard=4")
    parser.add_argument("--json", metavar="FILE", help="the table as JSON")
    options = parser.parse_args()
    if hasattr(os, "sched_setaffinity"):  # the children inherit it
        cores = sorted(os.sched_getaffinity(0))
        if options.threads > len(cores):
            parser.error("there are %d cores" % len(cores))
        os.sched_setaffinity(0, cores[:options.threads])
    return options


def compare(options, make):
    """Does all that the options ask for; `make(case, threads)` builds the twin."""
    table, good = [], True
    what = options.what.split(",")
    for name in options.case.split(","):
        with tempfile.TemporaryDirectory() as directory:
            ours(options, "train", name, 1, out=directory)
            case = Case(directory)
        twin = make(case, options.threads)
        print("case %s: %s, %d threads" % (name, twin.name, options.threads))
        if "check" in what:
            good = check(case, twin) and good
        sequences, tokens = case.batch, case.batch * case.length
        rows = []
        if "train" in what:
            def step_ms():
                return only(ours(options, "train", name, options.repeat)["train"], case=name)["ms"]
            rows += alternate(options, "train", "tokens", tokens, step_ms, runs(twin, twin.stepper))
        if "latency" in what and name == "A":
            def forward_ms():
                result = ours(options, "decode", None, options.repeat)["decode"]
                return only(result, case="forward of case A")["ms"]
            rows += alternate(options, "latency", "tokens", case.length, forward_ms,
                              runs(twin, twin.forward))
        if "decode" in what and name == "C":
            def pass_ms():
                result = ours(options, "decode", None, options.repeat)["decode"]
                return only(result, case="mdm, boards of 81", sequences=sequences)["ms_per_pass"]
            rows += alternate(options, "decode", "tokens", tokens, pass_ms, runs(twin, twin.decoder))
        table += [dict(row, case=name, threads=options.threads) for row in rows]
    if options.json:
        with open(options.json, "w", encoding="utf-8") as file:
            json.dump({"results": table, "agree": good}, file, indent=2)
    sys.exit(0 if good else 1)
