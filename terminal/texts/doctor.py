"""Words of `weigh-terminal doctor`, zh-CN and en: findings, what to do, and its trials."""

from __future__ import annotations

from collections.abc import Mapping

DOCTOR: Mapping[str, tuple[str, str]] = {
    "ok": ("正常", "ok"),
    "note": ("提示", "note"),
    "wrong": ("有误", "WRONG"),
    "do": ("处理", "do"),
    "model": ("主板：{found}", "Board: {found}"),
    "model.none": ("不是树莓派（{found}）", "Not a Raspberry Pi ({found})"),
    "model.do": ("在装好终端的树莓派上运行", "Run this on the Raspberry Pi of the terminal"),
    "line": ("config.txt 中有 {line}", "config.txt has {line}"),
    "line.none": ("config.txt 中缺少 {line}（{why}）", "config.txt lacks {line} ({why})"),
    "line.do": (
        "在 {path} 的 [all] 段加一行：{line}，然后重启",
        "Add the line {line} to {path}, section [all], and restart",
    ),
    "why.i2c": ("传感器或扩展板的I2C总线", "the I2C bus of converters or expander"),
    "why.spi": ("显示屏的SPI总线", "the SPI bus of the sign"),
    "why.strict": (
        "程序停止时继电器必须释放",
        "relays must fall when the program stops",
    ),
    "why.watchdog": ("硬件看门狗", "the hardware watchdog"),
    "why.uart": ("串口", "the serial port"),
    "strict": ("内核在程序停止时释放GPIO", "The kernel frees GPIO when a program ends"),
    "strict.none": (
        "内核在程序停止后仍驱动GPIO：继电器不会释放",
        "The kernel keeps GPIO driven when a program ends: relays stay energised",
    ),
    "strict.unknown": (
        "看不出内核是否释放GPIO",
        "Cannot see whether the kernel frees GPIO",
    ),
    "strict.do": (
        "config.txt 加 dtparam=strict_gpiod 并重启；再用 make bench-pi 实测",
        "Add dtparam=strict_gpiod to config.txt, restart, and prove it with make bench-pi",
    ),
    "gpio": ("GPIO：{found}", "GPIO: {found}"),
    "gpio.none": ("没有GPIO芯片", "No GPIO chip"),
    "gpio.do": ("检查 /dev/gpiochip0 和用户组 gpio", "Check /dev/gpiochip0 and the group gpio"),
    "bus.none": ("打不开 I2C-{bus}", "I2C-{bus} cannot be opened"),
    "bus.do": (
        "检查 config.txt、模块 i2c-dev 和用户组 i2c",
        "Check config.txt, the module i2c-dev and the group i2c",
    ),
    "chip": ("I2C-{bus} 0x{address:02x}：{name}", "I2C-{bus} 0x{address:02x}: {name}"),
    "chip.none": (
        "I2C-{bus} 上没有 0x{address:02x}（{setting}）",
        "Nothing answers at 0x{address:02x} on I2C-{bus} ({setting})",
    ),
    "chip.do": (
        "检查供电、SDA（2号，3脚）、SCL（3号，5脚）和地址跳线；总线上有：{seen}",
        "Check supply, SDA (GPIO2, pin 3), SCL (GPIO3, pin 5) and address straps; seen: {seen}",
    ),
    "cells": (
        "多路器后的 {count} 个传感器放大器（0x{address:02x}）都有应答",
        "All {count} load-cell converters (0x{address:02x}) answer behind the multiplexer",
    ),
    "cell.do": (
        "检查该放大器的供电，以及多路器 SD{cell}、SC{cell} 到它的两根线",
        "Check its supply and its two wires from the multiplexer, SD{cell} and SC{cell}",
    ),
    "cell.none": (
        "多路器第 {cell} 通道没有传感器放大器",
        "No converter on channel {cell} of the multiplexer",
    ),
    "node": ("{path} 可用", "{path} can be used"),
    "node.none": ("{path} 不存在（{setting}）", "{path} does not exist ({setting})"),
    "node.refused": (
        "当前用户无权打开 {path}（{setting}）",
        "This user may not open {path} ({setting})",
    ),
    "node.do": ("检查插头、config.txt 和用户组", "Check plug, config.txt and the user's groups"),
    "seen": ("{what}：{found}", "{what}: {found}"),
    "seen.cameras": ("摄像机", "Cameras"),
    "seen.serial": ("串口", "Serial ports"),
    "seen.keypads": ("USB键盘", "USB keypads"),
    "seen.none": ("没有", "none"),
    "running": (
        "终端程序正在运行：先停止再诊断设备",
        "The terminal is running: stop it before its devices are examined",
    ),
    "running.do": ("systemctl stop weigh-terminal.target", "systemctl stop weigh-terminal.target"),
    "suggest": ("建议的 terminal.toml", "Suggested terminal.toml"),
    "drawing": ("树莓派 40 针接线图", "Wiring of the Raspberry Pi's 40-pin header"),
    "wiring": ("接线表", "Wiring"),
    "live": ("实时状态，Ctrl-C 结束", "Live, Ctrl-C ends"),
    "trial.wire": (
        "接线：{name} = {bcm}，{place}，{colour}线，{level}",
        "Wire: {name} = {bcm}, {place}, {colour}, {level}",
    ),
    "trial.input": (
        "请让 {name} 动作（遮挡、压下、按下或打开）",
        "Make {name} act: block or press it",
    ),
    "trial.rest": ("请让 {name} 复位", "Let {name} go back to rest"),
    "trial.limit": (
        "请用栏杆机自己的手柄或按钮让 {name} 动作",
        "Move the arm by its own handle or button until {name} is made",
    ),
    "trial.cell": ("请站到第 {cell} 号传感器上", "Stand on load cell {cell}"),
    "trial.key": ("请按键 {name}", "Press the key {name}"),
    "trial.sign": ("显示屏的所有灯都亮了吗？(y/n)", "Are all lights of the sign lit? (y/n)"),
    "trial.lamp": ("{name} 现在是绿灯吗？(y/n)", "Is {name} green now? (y/n)"),
    "trial.siren": ("听到警报声了吗？(y/n)", "Can you hear the siren? (y/n)"),
    "trial.pass": ("通过", "passed"),
    "trial.fail": ("没有通过：{why}", "FAILED: {why}"),
    "trial.late": (
        "{seconds} 秒内没有变化，请核对上面的接线",
        "nothing changed within {seconds} s; check the wire above",
    ),
    "trial.no": ("你回答了否", "you said no"),
    "trial.arms": (
        "诊断从不驱动栏杆机：没有记录就没有开闸许可",
        "The doctor never drives an arm: no record, no lease",
    ),
    "level.nc": ("静止时 0 V，动作或断线时 3.3 V", "0 V at rest, 3.3 V when it acts or is cut"),
    "level.no": ("静止时 3.3 V，动作时 0 V", "3.3 V at rest, 0 V when it acts"),
    "level.high": ("静止时 0 V，吸合时 3.3 V", "0 V at rest, 3.3 V when energised"),
    "level.low": ("静止时 3.3 V，吸合时 0 V", "3.3 V at rest, 0 V when energised"),
    "level.bus": ("3.3 V 总线", "3.3 V bus"),
    "level.row": ("悬空或 0 V", "floating or 0 V"),
    "level.clock": ("静止时 0 V", "0 V at rest"),
}
