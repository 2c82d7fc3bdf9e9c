"""Fault codes of devices in words: severity, what is the matter, what to look at first.

One row a FaultCode; the manual's fault table is made from it. severity: stop (the lane cannot
go on), degraded (it goes on with less), note (worth knowing).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from hal.contract.types import FaultCode as F

Severity = Literal["stop", "degraded", "note"]


@dataclass(frozen=True, slots=True)
class FaultText:
    """One fault code: severity, and per language (what is the matter, first aid)."""

    severity: Severity
    zh: tuple[str, str]
    en: tuple[str, str]

    def operator(self, lang: Literal["zh-CN", "en"]) -> str:
        """What is the matter."""
        return (self.zh if lang == "zh-CN" else self.en)[0]

    def first_aid(self, lang: Literal["zh-CN", "en"]) -> str:
        """What to look at first."""
        return (self.zh if lang == "zh-CN" else self.en)[1]


FAULTS: Mapping[F, FaultText] = {
    F.ABSENT: FaultText(
        "stop",
        ("设备没有响应", "检查该设备的电源、插头和地址设置。"),
        ("The device does not answer", "Check its power, plug and address."),
    ),
    F.BUS: FaultText(
        "stop",
        ("总线通信出错", "检查数据线、屏蔽接地和线缆长度。"),
        ("Errors on the bus", "Check the cable, its shield and its length."),
    ),
    F.TIMEOUT: FaultText(
        "stop",
        ("设备响应超时", "检查设备是否断电或死机，重新上电一次。"),
        ("The device is too slow", "See whether it hangs; switch it off and on once."),
    ),
    F.STALE: FaultText(
        "stop",
        ("数据不再更新", "检查设备指示灯和数据线。"),
        ("Values are no longer renewed", "Check its lamp and its cable."),
    ),
    F.DESYNC: FaultText(
        "degraded",
        ("数据不同步，已丢弃", "偶发可忽略；频繁出现时检查接线和干扰源。"),
        ("Out of step, samples dropped", "Rare is harmless; if often, look for interference."),
    ),
    F.SATURATED: FaultText(
        "stop",
        ("信号超出量程", "检查是否超载、传感器断线或短路。"),
        ("The signal is out of range", "Look for overload, a broken or shorted cell wire."),
    ),
    F.STUCK: FaultText(
        "stop",
        ("信号不变化", "检查传感器接线；确认按键或触点没有卡住。"),
        ("The signal never changes", "Check the wiring; see whether a key or contact is jammed."),
    ),
    F.CALIBRATION: FaultText(
        "stop",
        ("标定数据无效", "请维护人员核对标定文件和铅封。"),
        ("Calibration is not valid", "Let maintenance check calibration and seal."),
    ),
    F.RESET: FaultText(
        "degraded",
        ("设备自行复位", "检查供电电压和接地，查看是否有雷击或大电流启动。"),
        ("The device restarted by itself", "Check supply voltage and earth."),
    ),
    F.OVERRUN: FaultText(
        "degraded",
        ("数据来不及处理，已丢弃", "查看处理器负载和温度。"),
        ("Values came too fast and were dropped", "Look at processor load and temperature."),
    ),
    F.CONTRADICTION: FaultText(
        "stop",
        ("信号互相矛盾", "核对两个限位开关或反馈触点的接线。"),
        ("Signals contradict each other", "Check the limit switches and read-back contact."),
    ),
    F.FRAME: FaultText(
        "degraded",
        ("通信数据帧错误", "核对仪表型号、波特率和校验位。"),
        ("Broken frames on the line", "Check the indicator type, baud rate and parity."),
    ),
    F.DARK: FaultText(
        "degraded",
        ("画面过暗", "检查补光灯和镜头盖。"),
        ("The picture is too dark", "Check the lamp and the lens cover."),
    ),
    F.BLURRED: FaultText(
        "degraded",
        ("画面模糊", "清洁镜头，重新对焦。"),
        ("The picture is blurred", "Clean the lens and focus again."),
    ),
    F.FROZEN: FaultText(
        "degraded",
        ("画面静止不变", "重新启动摄像机，检查网线。"),
        ("The picture stands still", "Restart the camera, check its cable."),
    ),
    F.BLOCKED: FaultText(
        "degraded",
        ("镜头被遮挡", "移开遮挡物，清洁镜头。"),
        ("The lens is covered", "Remove what covers it and clean the lens."),
    ),
    F.HOT: FaultText(
        "degraded",
        ("主板过热", "检查机柜通风和散热器，清除粉尘。"),
        ("The board is too hot", "Check the cabinet's air and heat sink; remove dust."),
    ),
    F.SUPPLY: FaultText(
        "degraded",
        ("供电异常", "检查电源电压、市电和UPS电池。"),
        ("The supply is not in order", "Check supply voltage, mains and the UPS battery."),
    ),
    F.WORN: FaultText(
        "note",
        ("存储寿命将尽", "备份数据并更换存储卡或固态盘。"),
        ("The storage is nearly worn out", "Make a backup and replace the storage."),
    ),
    F.CLOCK: FaultText(
        "degraded",
        ("硬件时钟不准", "更换时钟电池，检查对时网络。"),
        ("The hardware clock is wrong", "Replace its battery; check the time source."),
    ),
    F.UNSAVED: FaultText(
        "stop",
        ("过磅记录无法保存", "按下方原因处理：磁盘空间、存储卡、上传积压；不放行未保存的车辆。"),
        ("Records cannot be saved", "See the reason below: disk space, card, upload backlog."),
    ),
}
