#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Compares Palimpsest with PyTorch, JAX, OpenBLAS and oneDNN and prints one Markdown table.

    make bench && python3 ../bench/compare_all.py --program ./palimpsest --json compare.json

For every case and number of threads, loss and gradients must agree. Then the sides are timed
alternately, one at a time (A B C A B C), until the time budget of the case is used up. Each other
library ("peer") runs in processes of its own with their own environment: with default settings, and
tuned. Ratios are medians of a peer's time divided by ours in the same round.
"""
import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time

import twin

HERE = os.path.dirname(os.path.abspath(__file__))
LEAST_ROUNDS, MOST_ROUNDS = 2, 9
# malloc keeps freed memory in the process, since activations are allocated anew in every step.
MALLOC = {"MALLOC_TOP_PAD_": "268435456", "MALLOC_MMAP_THRESHOLD_": "1073741824",
          "MALLOC_TRIM_THRESHOLD_": "4294967296"}
# The processes of each peer: (what is tuned, variants, environment).
PEERS = {
    "torch": [("", ["eager"], {}),
              ("malloc tuned", ["eager", "compiled", "bf16", "bf16 compiled"], MALLOC)],
    "jax": [("", ["jit", "jit bf16"], {"JAX_PLATFORMS": "cpu"})],
}
DECODE = {"latency": {"case": "forward of case A"},
          "decode": {"case": "mdm, boards of 81", "sequences": 256, "passes": twin.PASSES}}
TITLES = {"train": "training step", "latency": "forward, batch 1",
          "decode": "decoding 256 boards, %d passes" % twin.PASSES}


class Worker:
    """A peer's process. It ends with this one, since its standard input does."""

    def __init__(self, peer, tuned, variants, environment, threads):
        self.tuned, self.variants, self.name = tuned, variants, peer
        # OpenMP settings for waiting and binding are meant for our program only: with them the
        # peers' threads would spin while our program is timed.
        inherited = {key: value for key, value in os.environ.items() if not key.startswith("OMP_")}
        environment = dict(inherited, OMP_NUM_THREADS=str(threads), **environment)
        if peer == "jax" and threads == 1:
            environment.setdefault("XLA_FLAGS", "--xla_cpu_multi_thread_eigen=false")
        self.process = subprocess.Popen(
            [sys.executable, os.path.join(HERE, "compare_%s.py" % peer), "--serve", str(threads)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment)

    def ask(self, case, what, variant=None, seconds=0.0):
        request = {"case": case, "what": what, "variant": variant, "seconds": seconds}
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        return json.loads(line) if line else {"error": "the process of %s ended" % self.name}

    def label(self, variant):
        return ", ".join(x for x in (self.name, variant, self.tuned) if x)


def bench(options, threads, *arguments, rounds=1):
    """Results of `palimpsest bench` as parsed JSON, or None when it fails."""
    with tempfile.TemporaryDirectory() as scratch:
        path = os.path.join(scratch, "result.json")
        command = [options.program, "bench", *arguments, "--threads", str(threads), "--n", str(rounds),
                   "--json", path, "--quiet"]
        run = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        if run.returncode:
            print("left out: %s: %s" % (" ".join(command[1:4]), run.stderr.strip()), file=sys.stderr)
            return None
        with open(path, encoding="utf-8") as file:
            return json.load(file)


def only(results, **wanted):
    """The only result that has these values; ends the program if there is none or more than one."""
    found = [r for r in results if all(r[key] == value for key, value in wanted.items())]
    if len(found) != 1:
        raise SystemExit("palimpsest gave %d results with %s" % (len(found), wanted))
    return found[0]


# ---- sides: (label, function that measures once and returns {what: {"ms": ..., ...}}) -----------


def our_training(options, case, threads, precision):
    settings = [x for s in options.set + ["train.precision=" + precision] for x in ("--set", s)]

    def turn():
        results = bench(options, threads, "train", case, *settings)
        return {"train": only(results["train"], case=case)} if results else {}
    return "palimpsest " + precision, turn


def our_decoding(options, threads):
    """A side for each precision. Measuring the first one gives the results of both."""
    last = {}

    def side(precision):
        def turn():
            if precision == "f32":
                # A median of three, since another process may disturb a single short pass.
                found = bench(options, threads, "decode", rounds=3)
                last["decode"] = (found or {"decode": []})["decode"]
            mine = [r for r in last["decode"] if r["precision"] == precision]
            return {what: only(mine, **wanted) for what, wanted in DECODE.items()} if mine else {}
        return "palimpsest " + precision, turn
    return [side("f32"), side("bf16")]


def their(options, worker, variant, parts):
    """A side for one variant of a peer. `parts`: {what: directory of the case}."""
    def turn():
        found = {}
        for what, case in parts.items():
            answer = worker.ask(case, what, variant, options.seconds)
            if "ms" in answer:
                found[what] = answer
            else:
                print("left out: %s: %s" % (worker.label(variant), answer["error"]), file=sys.stderr)
        return found
    return worker.label(variant), turn


def rounds(options, sides):
    """Times the sides alternately: {what: {label: [results]}}. A side that fails is dropped."""
    found, sides, start, n = {}, list(sides), time.monotonic(), 0
    while True:
        begin = time.monotonic()
        for side in list(sides):
            results = side[1]()
            if not results:
                sides.remove(side)
            for what, result in results.items():
                found.setdefault(what, {}).setdefault(side[0], []).append(result)
        n, now = n + 1, time.monotonic()
        late = now + (now - begin) > start + options.budget
        if n >= MOST_ROUNDS or n >= LEAST_ROUNDS and late:
            return found


# ---- the table -----------------------------------------------------------------------------------


def tabulate(what, case, threads, sides):
    """Table rows of one measurement; the FLOP of a run and the peak are taken from our results."""
    mine = {label[11:]: [r["ms"] for r in results] for label, results in sides.items()
            if label.startswith("palimpsest ")}
    ours = sides["palimpsest f32"]
    work = ours[0]["gflops"] * ours[0]["ms"]  # MFLOP
    peak = statistics.median(r["peak_gflops"] for r in ours)
    tokens = ours[0]["tokens_per_s"] * ours[0]["ms"] / 1e3
    rows = []
    for label, results in sides.items():
        ms = [r["ms"] for r in results]
        median = statistics.median(ms)
        row = {"what": what, "case": case, "threads": threads, "side": label, "ms": median,
               "tokens_per_s": tokens / median * 1e3, "fraction": work / median / peak,
               "range": (max(ms) - min(ms)) / median, "rounds": len(ms)}
        for precision, times in mine.items():
            row["ratio_" + precision] = statistics.median(t / m for t, m in zip(ms, times))
        rows.append(row)
    return rows


def markdown(row):
    ratios = ["%.2f" % row[key] if key in row else "" for key in ("ratio_f32", "ratio_bf16")]
    return "| %s, %s | %d | %s | %.3f | %.0f | %.0f %% | %.0f %% | %s | %s |" % (
        row["case"], TITLES[row["what"]], row["threads"], row["side"], row["ms"],
        row["tokens_per_s"], 100 * row["fraction"], 100 * row["range"], *ratios)


HEADER = """| | threads | side | ms | tokens/s | of FMA peak | range | time / our f32 | time / our bf16 |
|---|---|---|---|---|---|---|---|---|"""


def agree(workers, case, name):
    """Whether the peers' loss and gradients agree with ours; prints the result to stderr."""
    good = True
    for worker in workers:
        answer = worker.ask(case, "check")
        worker.name = answer.get("library", worker.name)
        good = good and answer.get("agree", False)
        print("case %s, %s: %s: %s" % (name, worker.label(""), answer.get("text", answer.get("error")),
                                       "agree" if answer.get("agree") else "DO NOT AGREE"),
              file=sys.stderr)
    return good


def compare(options, peers, threads, directories, table):
    """All measurements with one number of threads, appended to `table`. True if all agree."""
    workers = [Worker(peer, *process, threads) for peer in peers for process in PEERS[peer]]
    good = True

    def measure(mine, parts, cases):
        others = [their(options, w, v, parts) for w in workers for v in w.variants]
        for what, sides in rounds(options, mine + others).items():
            for row in tabulate(what, cases[what], threads, sides):
                table.append(row)
                print(markdown(row), flush=True)
    for case, directory in directories.items():
        good = agree(workers, directory, case) and good
        if "train" in options.what:
            mine = [our_training(options, case, threads, p) for p in ("f32", "bf16")]
            measure(mine, {"train": directory}, {"train": case})
    if "decode" in options.what and {"A", "C"} <= set(directories):
        measure(our_decoding(options, threads),
                {"latency": directories["A"], "decode": directories["C"]},
                {"latency": "A", "decode": "C"})
    for worker in workers:
        worker.process.stdin.close()
        worker.process.wait()
    return good


def products(options, threads):
    """Lines with the medians printed by the gemm programs that `make bench` has built."""
    for library in ("openblas", "onednn"):
        driver = os.path.join(os.path.dirname(options.program), "bench", "gemm_" + library)
        if not os.path.exists(driver):
            print("left out: %s is not built" % driver, file=sys.stderr)
            continue
        lines = subprocess.run([driver, str(threads), "3"], check=True, stdout=subprocess.PIPE,
                               text=True).stdout.strip().split("\n")
        yield from ("%s: %s" % (lines[0], line) for line in lines if line.startswith("median"))


def arguments(peers):
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--program", default="./palimpsest", help="the palimpsest to compare with")
    parser.add_argument("--case", default="A,B,C,D", help="cases of `palimpsest bench train`")
    parser.add_argument("--what", default="train,decode,gemm",
                        help="train: whole training steps; decode: the forward pass of one sequence of "
                             "case A and 256 boards of case C; gemm: the programs of make bench")
    parser.add_argument("--threads", default="1,2", help="numbers of threads to measure with")
    parser.add_argument("--budget", type=float, default=35, help="seconds for all rounds of a case")
    parser.add_argument("--seconds", type=float, default=0.5,
                        help="least duration of one timing of a peer")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE",
                        help="passed to `palimpsest bench train`, e.g. train.shard=4")
    parser.add_argument("--json", metavar="FILE", help="write the table as JSON too")
    options = parser.parse_args()
    options.what = options.what.split(",")
    options.program = os.path.abspath(options.program)
    if len(peers) < len(PEERS):
        options.what = [w for w in options.what if w != "gemm"]
    return options


def main(peers):
    options = arguments(peers)
    cores = sorted(os.sched_getaffinity(0))
    table, lines, good = [], [], True
    with tempfile.TemporaryDirectory() as scratch:
        directories = {case: os.path.join(scratch, case) for case in options.case.split(",")}
        for case, directory in directories.items():
            if not bench(options, 1, "train", case, "--out", directory):
                sys.exit(1)
        print(HEADER)
        for threads in [int(t) for t in options.threads.split(",")]:
            if threads > len(cores):
                sys.exit("there are %d cores" % len(cores))
            os.sched_setaffinity(0, cores[:threads])  # the children inherit it
            good = compare(options, peers, threads, directories, table) and good
            if "gemm" in options.what:
                lines += products(options, threads)
    print("\n" + "\n".join("- " + line for line in lines))
    if options.json:
        with open(options.json, "w", encoding="utf-8") as file:
            json.dump({"results": table, "gemm": lines, "agree": good}, file, indent=2)
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main(list(PEERS))
