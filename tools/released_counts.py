#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Events of a released Sudoku trace by kind, for the literal counts in tests/test_sudoku_policy.c.

A statement apart from the library's and from that of its tests: a loop over a plain board with a list of
open branches, no tokens, no recursion. The description: naked singles in reading order; else a branch on
the first cell with fewest candidates, smallest digit first; a cell without candidates gets a skull, and the
deepest branch is erased, its digit parked, the next one tried; an event is two transitions. Two choices it
leaves open are as in tasks/sudoku_released.c: a branch cell without an untried digit gets a skull too, and
parking and erasing are an event each.

    python3 tools/released_counts.py BOARD
"""
import sys


def candidates(board, cell):
    r, c = divmod(cell, 9)
    seen = {board[9 * r + k] for k in range(9)} | {board[9 * k + c] for k in range(9)}
    seen |= {board[9 * (r // 3 * 3 + k // 3) + c // 3 * 3 + k % 3] for k in range(9)}
    return [d for d in range(1, 10) if d not in seen]


def count(text):
    board = [0 if ch in ".0" else int(ch) for ch in text]
    n = {"fill": 0, "try": 0, "skull": 0, "park": 0, "erase": 0}
    branches = []  # cell, digit, cells written since
    taken_back = None  # cell and digit
    deepest = 0
    while 0 in board:
        left = {cell: candidates(board, cell) for cell in range(81) if board[cell] == 0}
        if taken_back:
            cell, digit = taken_back
            choice = cell, [d for d in left[cell] if d > digit]
        else:
            choice = min(left.items(), key=lambda item: (len(item[1]), item[0]))
        single, taken_back = len(choice[1]) == 1 and not taken_back, None
        cell, digits = choice
        if not digits:
            n["skull"] += 1
            cell, digit, written = branches.pop()
            n["park"] += 1
            for one in written:
                board[one] = 0
            n["erase"] += 1
            taken_back = cell, digit
            continue
        if not single:
            branches.append((cell, digits[0], []))
            deepest = max(deepest, len(branches))
        n["fill" if single else "try"] += 1
        board[cell] = digits[0]
        if branches:
            branches[-1][2].append(cell)
    print(n, "deepest", deepest, "transitions", 2 * sum(n.values()))
    print("".join(map(str, board)))


count(sys.argv[1])
