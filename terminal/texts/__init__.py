"""The one catalogue of texts, zh-CN and en: sign, keypad, holds, faults, console and reports.

Nobody else writes a word that a driver or an operator reads. Pure: no files, no clock.
"""
