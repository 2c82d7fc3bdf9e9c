"""Why a vehicle is held, in words: one entry a HoldReason and language.

sign: at most 8 full-width cells, for the driver. operator: what is the matter. first_aid: what
to look at first. todo: what brings the lane back. The texts name things as they are on site.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from terminal.core.types import HoldReason as H


@dataclass(frozen=True, slots=True)
class HoldText:
    """The words of one hold reason."""

    sign: str
    operator: str
    first_aid: str
    todo: str


_ZH: dict[H, HoldText] = {
    H.NONE: HoldText("通行正常", "没有拦停原因。", "无需检查。", "无需处理。"),
    H.ESTOP: HoldText(
        "急停已按下",
        "急停按钮已按下，所有放行已撤销。",
        "先确认现场人员安全，再查看是谁、为何按下急停。",
        "险情排除后旋出急停按钮；地衡清空后通道自动恢复。",
    ),
    H.WIRED_RELEASE: HoldText(
        "手动开闸",
        "有人用钥匙开关手动开闸，已记录并上报。",
        "查看出口栏杆和钥匙开关位置。",
        "将钥匙开关复位，车辆离开地衡后通道自动恢复。",
    ),
    H.INVARIANT: HoldText(
        "程序自检停机",
        "程序自检发现矛盾，已撤销全部放行。",
        "不要手动放行车辆；记下时间。",
        "等待程序重新启动；若再次出现，请联系维护人员并提供记录。",
    ),
    H.SENSOR_STALE: HoldText(
        "传感器无信号",
        "光幕、地感或急停回路没有信号，不能判断通道是否畅通。",
        "查看本页传感器状态，找出显示“未知”的一路。",
        "检查该传感器的供电和接线；信号恢复后通道自动恢复。",
    ),
    H.WEIGHT_STALE: HoldText(
        "无称重数据",
        "收不到称重数据。",
        "检查接线盒、放大器或仪表的电源和数据线。",
        "数据恢复且地衡清空后通道自动恢复。",
    ),
    H.BARRIER_FAULT: HoldText(
        "栏杆机故障",
        "栏杆未在规定时间内到位，或位置信号矛盾。",
        "查看栏杆是否被撞、被卡，限位开关是否到位。",
        "排除卡阻或更换限位开关；禁止用手强行抬杆。",
    ),
    H.RELAY_DISAGREES: HoldText(
        "继电器不一致",
        "继电器触点与命令不一致，可能触点粘连或断线。",
        "断开栏杆机控制电源，查看继电器是否粘连。",
        "更换继电器并核对反馈接线，然后重新启动终端。",
    ),
    H.RESTARTED: HoldText(
        "系统重启中",
        "终端刚重新启动，须先确认地衡已清空、零点有效。",
        "查看地衡上是否有车辆、人员或物料。",
        "请车辆驶离地衡；地衡清空且回零后通道自动恢复。",
    ),
    H.ZERO_INVALID: HoldText(
        "零点无效",
        "地衡零点超出允许范围或已过期。",
        "查看台面是否有积煤、积雪、石块，四周缝隙是否卡住。",
        "清扫台面和缝隙；空秤稳定后系统自动回零。",
    ),
    H.NOT_EMPTY: HoldText(
        "地衡未清空",
        "车辆离开后地衡未回到零位。",
        "查看台面是否有人、物料或车轮压边。",
        "清空台面；仍不回零时请联系维护人员。",
    ),
    H.OVERLOAD: HoldText(
        "超出称量范围",
        "载荷超过地衡最大称量。",
        "立即确认车辆总重，避免损坏传感器。",
        "请车辆退回卸载后重新称重。",
    ),
    H.WEIGH_FAULT: HoldText(
        "称重故障",
        "称重通道报告故障，示值不可用。",
        "查看本页故障列表中的传感器编号。",
        "检查该传感器及接线盒；修复后核对零点和偏载。",
    ),
    H.SECOND_VEHICLE: HoldText(
        "两车同时上磅",
        "地衡上可能有第二辆车。",
        "查看照片和现场，确认跟车或并车。",
        "请后车退出，只留一辆车在地衡上。",
    ),
    H.NOT_IN_PLACE: HoldText(
        "车辆未到位",
        "车辆未全部停在地衡上，光幕被遮挡。",
        "查看车头或车尾哪一端遮住光幕。",
        "按屏幕箭头前移或后退，两端光幕都畅通后自动称重。",
    ),
    H.BARRIER_OPEN: HoldText(
        "栏杆未关闭",
        "另一端栏杆未确认关闭，不能开始称重或放行。",
        "查看该栏杆和限位开关。",
        "让开栏杆下方；栏杆落到位后自动继续。",
    ),
    H.UNSTEADY: HoldText(
        "重量不稳定",
        "示值一直不稳定，不能确定重量。",
        "查看发动机是否熄火，是否有人上下车，风是否过大。",
        "请司机停稳熄火、离开车厢边；稳定后自动继续。",
    ),
    H.PLATE_UNREAD: HoldText(
        "未识别车牌",
        "摄像机没有读出可信的车牌。",
        "查看车牌是否污损、遮挡，镜头是否脏污。",
        "在键盘上按 A 核对或输入车牌；记录会注明人工输入。",
    ),
    H.AXLES_UNKNOWN: HoldText(
        "轴数未确认",
        "轴数未能自动确认，不能选用限值。",
        "现场数清车辆轴数，包括提升轴。",
        "请车辆退回重新上磅（键盘 A，菜单 3）；仍不能确认时联系维护人员。",
    ),
    H.AXLES_DIFFER: HoldText(
        "轴数不符",
        "称得的轴数与车辆名册不一致，可能是套牌、误读车牌或提升轴未放下。",
        "对照名册核对车牌，现场数清轴数。",
        "车牌误读时在键盘上按 A 输入正确车牌；否则按 A 拒绝放行，放下提升轴后重新上磅。",
    ),
    H.LEDGER_AWAY: HoldText(
        "记录服务中断",
        "记录服务不在线，记录存不下就不放行。",
        "查看本页“记录”进程和磁盘空间。",
        "服务恢复后自动重新保存；超过一分钟请联系维护人员。",
    ),
    H.OUTBOX_FULL: HoldText(
        "待上传已满",
        "待上传记录已满，新的记录无法保存，因此不再接车。",
        "查看上行链路和待上传数量。",
        "恢复上行后自动继续；不要手动放行。",
    ),
    H.SAVE_REFUSED: HoldText(
        "记录保存失败",
        "记录不能可靠保存，因此不放行。",
        "查看磁盘空间和待上传数量。",
        "腾出空间或恢复上传后自动重试；不要手动放行。",
    ),
    H.OVER_LIMIT: HoldText(
        "超限",
        "车辆总重超过限值，禁止出场。",
        "核对车牌、轴数和限值是否正确。",
        "请车辆退回卸载后重新称重。",
    ),
    H.OPERATOR: HoldText(
        "人工拦停",
        "操作员已拦停车辆。",
        "询问操作员拦停原因。",
        "车辆退出地衡后通道自动恢复。",
    ),
    H.LEFT_EARLY: HoldText(
        "提前离磅",
        "车辆在称重完成前离开了地衡。",
        "查看照片，确认是哪辆车。",
        "请车辆返回重新称重；事件已记录。",
    ),
}

_EN: dict[H, HoldText] = {
    H.NONE: HoldText("Lane normal", "Nothing holds the lane.", "Nothing to check.", "Nothing."),
    H.ESTOP: HoldText(
        "Emergency stop",
        "The emergency stop is pressed; every release is withdrawn.",
        "Make sure that nobody is in danger, then find out who pressed it and why.",
        "Turn the button out when it is safe; the lane recovers once the deck is empty.",
    ),
    H.WIRED_RELEASE: HoldText(
        "Opened by key",
        "Somebody opened the barrier with the key switch; it is recorded and reported.",
        "Look at the exit barrier and the key switch.",
        "Turn the key back; the lane recovers when the vehicle has left the deck.",
    ),
    H.INVARIANT: HoldText(
        "Self-check stop",
        "The program found a contradiction in itself and withdrew every release.",
        "Do not let vehicles out by hand; note the time.",
        "Wait for the restart; if it happens again, call maintenance with the record.",
    ),
    H.SENSOR_STALE: HoldText(
        "Sensor silent",
        "A beam, loop or stop circuit gives no signal: the passage cannot be judged.",
        "Find the sensor that this page shows as unknown.",
        "Check its supply and wiring; the lane recovers with the signal.",
    ),
    H.WEIGHT_STALE: HoldText(
        "No weight",
        "No weighing values arrive.",
        "Check power and cable of the junction box, amplifier or indicator.",
        "The lane recovers when values return and the deck is empty.",
    ),
    H.BARRIER_FAULT: HoldText(
        "Barrier fault",
        "The arm did not arrive in time, or its switches contradict each other.",
        "See whether the arm was hit or blocked and the limit switches close.",
        "Free the arm or replace the switch; never lift the arm by force.",
    ),
    H.RELAY_DISAGREES: HoldText(
        "Relay fault",
        "The relay contact does not follow its command: welded, or a broken wire.",
        "Cut the barrier's control supply and look for a welded relay.",
        "Replace the relay, check the read-back wire, restart the terminal.",
    ),
    H.RESTARTED: HoldText(
        "Restarting",
        "The terminal has just started and must first see an empty deck and a valid zero.",
        "See whether a vehicle, a person or material is on the deck.",
        "Let the vehicle leave the deck; the lane recovers at an empty, zeroed deck.",
    ),
    H.ZERO_INVALID: HoldText(
        "Zero invalid",
        "The zero is out of its range or too old.",
        "Look for coal, snow or stones on the deck and in its gaps.",
        "Clean deck and gaps; the empty, steady deck is zeroed by itself.",
    ),
    H.NOT_EMPTY: HoldText(
        "Deck not empty",
        "The deck did not return to zero after the vehicle left.",
        "Look for people, material or a wheel on the edge.",
        "Clear the deck; if it stays, call maintenance.",
    ),
    H.OVERLOAD: HoldText(
        "Above capacity",
        "The load is above the scale's capacity.",
        "Check the vehicle's mass at once to spare the load cells.",
        "Let the vehicle back out, unload and weigh again.",
    ),
    H.WEIGH_FAULT: HoldText(
        "Weighing fault",
        "The weighing chain reports a fault; its values cannot be used.",
        "Find the cell number in the list of faults.",
        "Check that cell and the junction box; then check zero and corners.",
    ),
    H.SECOND_VEHICLE: HoldText(
        "Two vehicles",
        "A second vehicle may be on the deck.",
        "Look at the pictures and the lane for a tailgater.",
        "Let the second vehicle back out; one vehicle at a time.",
    ),
    H.NOT_IN_PLACE: HoldText(
        "Not in place",
        "The vehicle is not wholly on the deck; a beam is blocked.",
        "See which end blocks a beam.",
        "Follow the arrow; weighing starts when both beams are clear.",
    ),
    H.BARRIER_OPEN: HoldText(
        "Barrier open",
        "The other barrier is not known to be closed.",
        "Look at that barrier and its limit switches.",
        "Clear the passage; it goes on when the arm is down.",
    ),
    H.UNSTEADY: HoldText(
        "Unsteady",
        "The value does not settle, so there is no mass.",
        "Is the engine off, is somebody climbing, is there a strong wind?",
        "Engine off and nobody on the truck; it goes on when steady.",
    ),
    H.PLATE_UNREAD: HoldText(
        "Plate unread",
        "The camera has no trustworthy plate.",
        "Is the plate dirty or hidden, is the lens dirty?",
        "Press A on the keypad to confirm or type the plate; the record says so.",
    ),
    H.AXLES_UNKNOWN: HoldText(
        "Axles unknown",
        "The axle count is not certain, so no limit can be chosen.",
        "Count the axles on site, lifted ones included.",
        "Let it back out and weigh again (keypad A, menu 3); else call maintenance.",
    ),
    H.AXLES_DIFFER: HoldText(
        "Axles differ",
        "The axles counted are not those of the list: false or misread plate, or a lifted axle.",
        "Compare the plate with the list and count the axles on site.",
        "Plate misread: press A and type it. Else refuse with A, lower the axle, weigh again.",
    ),
    H.LEDGER_AWAY: HoldText(
        "Records offline",
        "The record service is away: no record, no release.",
        "Look at the ledger process and the disk space on this page.",
        "It saves again by itself; after a minute call maintenance.",
    ),
    H.OUTBOX_FULL: HoldText(
        "Outbox full",
        "No further record can be kept before older ones are sent, so nobody is called on.",
        "Look at the uplink and at the number of unsent records.",
        "It goes on by itself once the uplink works. Do not let out by hand.",
    ),
    H.SAVE_REFUSED: HoldText(
        "Not saved",
        "The record cannot be stored safely, so there is no release.",
        "Look at the disk space and the number of unsent records.",
        "Free space or restore the uplink; it tries again. Do not let out by hand.",
    ),
    H.OVER_LIMIT: HoldText(
        "Over the limit",
        "The gross mass is above the limit; no exit.",
        "Check plate, axle count and limit.",
        "Let it back out, unload and weigh again.",
    ),
    H.OPERATOR: HoldText(
        "Held by hand",
        "The operator holds the vehicle.",
        "Ask the operator why.",
        "The lane recovers when the vehicle has left the deck.",
    ),
    H.LEFT_EARLY: HoldText(
        "Left too early",
        "The vehicle left the deck before it was weighed.",
        "Look at the pictures to see which vehicle it was.",
        "Let it come back and weigh again; the event is recorded.",
    ),
}

HOLDS: Mapping[Literal["zh-CN", "en"], Mapping[H, HoldText]] = {"zh-CN": _ZH, "en": _EN}
