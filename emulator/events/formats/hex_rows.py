"""Rows of fixed-width hexadecimal columns, to and from 64-bit words, one character at a time."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from l1forge.emulator.jit import compiled

DIGIT = np.full(256, 255, np.uint64)
"""Value of a hexadecimal character, 255 for any other."""
DIGIT[48:58] = np.arange(10)
DIGIT[65:71] = DIGIT[97:103] = np.arange(10, 16)


@compiled
def parse_rows(
    text: NDArray[np.uint8], digits: NDArray[np.int64], words: NDArray[np.uint64]
) -> tuple[int, int, int, int]:
    """Rows of ``text`` into ``words`` (columns' 64-bit words, rows), most significant word of a column last.

    Returns (rows, problem, offset, column); problem 0 none, 1 not a digit, 2 wrong number of digits,
    3 too few columns, 4 too many columns; ``offset`` points into ``text``.
    """
    position, row, end = 0, 0, text.size
    while position < end:
        while position < end and (text[position] == 32 or text[position] == 9):
            position += 1
        if position == end or text[position] == 10 or text[position] == 13:  # empty or blank line
            position += 1
            continue
        word = 0
        for column in range(digits.size):
            while position < end and (text[position] == 32 or text[position] == 9):
                position += 1
            if position == end or text[position] == 10 or text[position] == 13:
                return row, 3, position, column
            start = position
            while position < end and text[position] > 32:
                position += 1
            length = position - start
            if length != digits[column]:
                return row, 2, start, column
            last = (length + 15) // 16
            base = np.uint64(10 if column == 0 else 16)
            value = np.uint64(0)
            worst = np.uint64(0)
            left = length - 16 * (last - 1)  # digits of the most significant word
            slot = word + last - 1
            for i in range(start, position):
                digit = DIGIT[text[i]]
                worst = max(worst, digit)
                value = value * base + digit
                left -= 1
                if left == 0:
                    words[slot, row] = value
                    value, left, slot = np.uint64(0), 16, slot - 1
            if worst >= base:
                bad = start
                while DIGIT[text[bad]] < base:
                    bad += 1
                return row, 1, bad, column
            word += last
        while position < end and (text[position] == 32 or text[position] == 9 or text[position] == 13):
            position += 1
        if position < end and text[position] != 10:
            return row, 4, position, digits.size
        position += 1
        row += 1
    return row, 0, 0, 0


@compiled
def format_rows(words: NDArray[np.uint64], digits: NDArray[np.int64], text: NDArray[np.uint8]) -> None:
    """The inverse of ``parse_rows``: ``text`` has shape (rows, characters of a row with its newline)."""
    for row in range(text.shape[0]):
        position, word = 0, 0
        for column in range(digits.size):
            length = digits[column]
            if column == 0:
                value = words[0, row]
                for i in range(length):
                    text[row, length - 1 - i] = 48 + value % np.uint64(10)
                    value //= np.uint64(10)
            else:
                for i in range(length):
                    place = length - 1 - i
                    nibble = (words[word + place // 16, row] >> np.uint64(4 * (place % 16))) & np.uint64(15)
                    text[row, position + i] = nibble + np.uint64(48 if nibble < 10 else 87)
            position += length
            text[row, position] = 32
            position += 1
            word += (length + 15) // 16
        text[row, position - 1] = 10
