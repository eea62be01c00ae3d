"""What click itself says, in Chinese: of help pages, and of usage that it refuses."""

from __future__ import annotations

import re

HELP = {
    "Usage:": "用法:",
    "Options:": "选项:",
    "Commands:": "命令:",
    "Show this message and exit.": "显示本说明。",
    "Show the version and exit.": "显示版本号。",
    "[required]": "[必填]",
    "[default:": "[默认:",
    "[OPTIONS]": "[选项]",
    "COMMAND [ARGS]...": "命令 [参数]...",
}
REFUSED = (
    (r"No such option:? '?([^\s']+?)'?\.?$", r"没有选项 \1"),
    (
        r"No such option:? '?([^\s']+?)'?\.? (?:Did you mean|\(Possible options:|\(Did you mean one of:) (.+?)[?)]*$",
        r"没有选项 \1（相近的有：\2）",
    ),
    (r"No such command:? '?(.+?)'?\.?(?: .*)?$", r"没有命令 \1"),
    (r"Missing option '(.+?)'\.?(?: Choose from:\s*(.+))?$", r"缺少选项 \1"),
    (r"Missing argument '(.+?)'\.?(?: Choose from:\s*(.+))?$", r"缺少参数 \1"),
    (r"Missing command\.?$", r"缺少命令"),
    (r"Option '(.+?)' requires an argument\.?$", r"选项 \1 后面须有值"),
    (r"Option '(.+?)' does not take a value\.?$", r"选项 \1 不带值"),
    (r"Got unexpected extra arguments? \((.+)\)$", r"多出参数：\1"),
)
"""Whole sentences."""
VALUE = re.compile(r"Invalid value(?: for '(?P<of>.+?)')?: (?P<why>.+)$", re.DOTALL)
WHY = (
    (r"'?(.*?)'? is not one of (.+?)\.?$", r"\1 不在可选值之内；可用：\2"),
    (r"'?(.*?)'? is not in the range (.+?)\.?$", r"\1 不在范围 \2 之内"),
    (r"'?(.*?)'? is not a valid (?:integer|float|int)(?: range)?\.?$", r"\1 不是数"),
    (r"(?:Path|File|Directory) '(.+?)' does not exist\.?$", r"没有 \1"),
    (r"(?:Path|File|Directory) '(.+?)' is a directory\.?$", r"\1 是文件夹"),
    (r"(?:Path|File|Directory) '(.+?)' is a file\.?$", r"\1 是文件"),
)
"""What follows after the name of the option."""


def chinese(message: str) -> str:
    """A refusal of click; what is not known here stays as it is."""
    said = " ".join(message.split())
    value = VALUE.match(said)
    if value is not None:
        why = _put(value["why"], WHY)
        return f"{value['of']} 的值不对：{why}" if value["of"] else f"值不对：{why}"
    return _put(said, REFUSED)


def _put(said: str, table: tuple[tuple[str, str], ...]) -> str:
    for pattern, chinese in table:
        found = re.match(pattern, said)
        if found is not None:
            return found.expand(chinese).replace("', '", "、").replace("'", "")
    return said
