#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Counts the events of a released Sudoku trace by kind, for tests/test_sudoku_policy.c.

It implements the published description independently of the library and of its tests: a loop over a
plain board with a list of open branches, without tokens or recursion. The solver fills naked
singles in reading order. Where there are none it branches on the first cell with the fewest
candidates and tries the smallest digit first. A cell without candidates is marked with a skull;
then the deepest branch is erased, its digit is noted as tried ("parked"), and the next one is
tried. An event is two transitions. Two choices that the description leaves open are made as in
tasks/sudoku_released.c: a branch cell without an untried digit gets a skull too, and parking and
erasing are one event each.

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
    branches = []  # open branches: (cell, digit, cells written since)
    taken_back = None  # (cell, digit) of the branch that was erased last
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
