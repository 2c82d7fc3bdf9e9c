"""Words of `weigh-terminal calibrate`, zh-CN and en: the walk, its refusals, its report."""

from __future__ import annotations

from collections.abc import Mapping

CALIBRATE: Mapping[str, tuple[str, str]] = {
    "first": (
        "装置 {serial}，{cells} 只传感器，Max = {max_kg} kg，e = {e_kg} kg。这是第 1 次标定。",
        "Device {serial}, {cells} cells, Max = {max_kg} kg, e = {e_kg} kg. "
        "This is its calibration no. 1.",
    ),
    "again": (
        "装置 {serial}，{cells} 只传感器，Max = {max_kg} kg，e = {e_kg} kg。\n"
        "现用装置 {before} 的第 {last} 号标定；本次为第 {count} 号，铅封前旧标定一直有效。",
        "Device {serial}, {cells} cells, Max = {max_kg} kg, e = {e_kg} kg.\n"
        "Calibration no. {last} of device {before} is in force and stays so until you seal this "
        "one, no. {count}.",
    ),
    "lost": (
        "装置 {serial}：标定文件不在原处，但旁边留有第 {last} 号以前的副本；本次为第 {count} 号。",
        "Device {serial}: the calibration file is gone, but traces of no. {last} lie beside its "
        "place; this one is no. {count}.",
    ),
    "stop_hint": (
        "随时可按 Ctrl-C 停止，不改动任何内容。",
        "Ctrl-C stops at any time; nothing is changed then.",
    ),
    "ask.capacity": (
        "1/4 单只传感器额定容量（kg，见传感器铭牌）{default}：",
        "Step 1 of 4: capacity of one cell in kg, from its plate{default}: ",
    ),
    "ask.capacity.default": ("（回车为 {kg}）", " (Enter: {kg})"),
    "ask.zero": (
        "2/4 清空秤台，人员离开，然后按回车。",
        "Step 2 of 4: empty the deck, step off it, then press Enter. ",
    ),
    "ask.corners": (
        "3/4 偏载：同一砝码依次放在每只传感器旁。输入其质量（kg），或输入 SKIP 跳过：",
        "Step 3 of 4, corners: one and the same test mass goes near each cell in turn. "
        "Type its mass in kg, or SKIP: ",
    ),
    "ask.corner": (
        "  把砝码放在 {cell} 号传感器旁（{place}），按回车。",
        "  Put the mass close to cell {cell} ({place}), then press Enter. ",
    ),
    "place": (
        "距入口端 {x_cm} cm，横向 {y_cm} cm",
        "{x_cm} cm from the entry edge, {y_cm} cm across",
    ),
    "place.none": ("位置未配置", "its place is not configured"),
    "ask.load": (
        "4/4 第 {number} 个载荷：台面上的砝码总量（kg；{hint}）：",
        "Step 4 of 4, load {number}: total test mass now on the deck in kg ({hint}): ",
    ),
    "hint.more": ("还需 {count} 个", "{count} more needed"),
    "hint.enough": ("直接按回车结束", "Enter alone ends"),
    "hint.drop": ("，输入 DROP n 撤销第 n 个", "; DROP n takes load n back"),
    "ask.seal": (
        "输入 {word} 使此标定生效：",
        "Type {word} to put this calibration in force: ",
    ),
    "measuring": ("  正在读数，{seconds:.0f} 秒内勿动……", "  Reading for {seconds:.0f} s ..."),
    "taken.zero": ("  零点已记录。", "  Zero taken."),
    "taken.corner": ("  {cell} 号已记录。", "  Cell {cell} taken."),
    "taken.corners": ("  偏载调整：{shares}", "  Corner adjustment: {shares}"),
    "taken.load": ("  已记录：{number}) {kg} kg。", "  Taken: {number}) {kg} kg."),
    "dropped": ("  已撤销：{kg} kg。", "  Taken back: {kg} kg."),
    "skipped": (
        "  已跳过偏载，各传感器按相同灵敏度计。",
        "  Corners left out: all cells count alike, and the report says so.",
    ),
    "refused": ("不予采用：{why}", "Refused: {why}"),
    "nothing": ("未改动任何内容。", "Nothing was changed."),
    "stopped": ("已停止。", "Stopped."),
    "outside": (
        "误差超出最大允许误差，不能铅封。偏离最多的是第 {number} 个（{kg} kg）："
        "用 DROP {number} 撤销后重测，或按 Ctrl-C 停止。",
        "The errors are outside the MPE, so this cannot be sealed. Load {number} ({kg} kg) is "
        "furthest off: take it back with DROP {number} and measure it again, or stop with Ctrl-C.",
    ),
    "not_the_word": (
        "没有输入 {word}，尚未铅封；按 Ctrl-C 放弃。",
        "That was not {word}; nothing is sealed yet. Ctrl-C gives this calibration up.",
    ),
    "not_sealed": ("没有铅封。", "Not sealed."),
    "sealed": (
        "已铅封为第 {count} 号标定：{path}\n签名报告：{report}\n"
        "请重新启动终端；账本启动时记下此次变更。之后可核验报告：\n"
        "  weigh-terminal verify {report} --key {public}",
        "Sealed as calibration no. {count}: {path}\nSigned report: {report}\n"
        "Start the terminal again: its ledger notes the change at that start. Then anybody can "
        "check the report:\n  weigh-terminal verify {report} --key {public}",
    ),
    "unwritten": (
        "写不进去（{why}）。请处理后再输入 {word}；Ctrl-C 停止。现用标定未变。",
        "It cannot be written ({why}). Mend that and type {word} again, or stop with Ctrl-C; the "
        "calibration in force is unchanged.",
    ),
    "running": (
        "终端正在运行并占用传感器。请先停止：systemctl stop weigh-terminal.target",
        "The terminal is running and owns the cells. Stop it first: "
        "systemctl stop weigh-terminal.target",
    ),
    "indicator": (
        "本终端读取称重仪表；请按仪表说明书在仪表上标定。",
        "This terminal reads an indicator, which is calibrated at the indicator itself.",
    ),
    "simulated": (
        "[amplifier] 为模拟传感器，模拟秤台不用标定。请在 terminal.toml 中设真实的 kind。",
        "[amplifier] is simulated, and a simulated deck uses no calibration. Set the real kind in "
        "terminal.toml.",
    ),
    "unmarked": (
        "标定按序列号归属放大器：请先把铭牌序列号写入 terminal.toml [amplifier] 的 serial。",
        "A calibration belongs to one front end by its serial number: write the number on its "
        "plate into terminal.toml, [amplifier] serial, and calibrate then.",
    ),
    "bad_name": (
        "--by 须为可见字符的姓名，最多 {most} 个字符。",
        "--by must be a name in printable characters, at most {most} of them.",
    ),
    "report_exists": (
        "{report} 已存在；签名报告不覆盖，请用 --report 另指定文件。",
        "{report} exists already, and a signed report is never written over; name another file "
        "with --report.",
    ),
    "no_folder": (
        "{folder} 无法写入；请用 sudo 运行，或建立该目录、指定其他位置，再标定。",
        "{folder} cannot be written; run this with sudo, or make that folder or name another place "
        "before calibrating.",
    ),
    "damaged": (
        "{path}：{why}\n原文件未动。请放回铅封副本；没有副本就把它移到 {aside}，再标定。\n"
        "删除它会使标定次数重新计起。",
        "{path}: {why}\nThe file was left as it is. Put the sealed copy back; when there is none, "
        "move the file to {aside} and calibrate then. Do not delete it: the count of calibrations "
        "must go on from its number.",
    ),
    "unreadable": (
        "{path} 无法读取（{why}）；标定次数必须延续，请先恢复读取权限。",
        "{path} cannot be read ({why}); the count of calibrations must go on from it, so give this "
        "user the right to read it.",
    ),
    "too_many": ("不予采用的次数过多。", "Too much was refused."),
    "not_opened": (
        "{device} 打不开，检查电源、插头、地址和配置文件。（驱动原文：{found}）",
        "{device} cannot be opened: check its power, plug, address and configuration. ({found})",
    ),
    "few": (
        "{cell} 号传感器 {seconds:.0f} 秒内只有 {rows} 个可用读数{faults}；查接线和供电后重复。",
        "Cell {cell} gave only {rows} usable samples in {seconds:.0f} s{faults}; check its wiring "
        "and supply, then repeat.",
    ),
    "few.faults": ("（{faults}）", " ({faults})"),
    "saturated": (
        "{cell} 号传感器饱和；检查接线或降低增益。",
        "Cell {cell} is saturated; check its wiring or lower the gain.",
    ),
    "moving": (
        "{cell} 号传感器不稳定；等一切静止后重复。",
        "Cell {cell} does not stand still; wait until nothing moves, repeat.",
    ),
    "stuck": (
        "{cell} 号传感器一直是同一数值，其转换器卡死；断电重启后检查。",
        "Cell {cell} repeats one value; its converter is stuck. Power it off and on, and look.",
    ),
    "corner_count": (
        "砝码须在 {cells} 只传感器旁各放一次。",
        "The test mass must stand near each of the {cells} cells once.",
    ),
    "corner_same": (
        "砝码没有依次移到各传感器旁；请重做偏载。",
        "The mass was not moved from cell to cell; repeat the corner test.",
    ),
    "corner_small": (
        "砝码在 {cell} 号传感器旁时，总和只有别处的 {percent:.0f} %：砝码没放上或该传感器失效。",
        "With the mass at cell {cell} the sum rose to only {percent:.0f} % of what it did "
        "elsewhere: the mass was not there, or that cell is dead. Look, then repeat the corners.",
    ),
    "corner_far": (
        "{cell} 号传感器与其他相差 {percent:+.1f} %：属安装故障，查明后再标定。",
        "Cell {cell} differs by {percent:+.1f} % from the others; that is a fault of the "
        "installation, find it before calibrating.",
    ),
    "not_whole": (
        "{answer!r} 不是整数千克。",
        "{answer!r} is not a whole number of kilograms.",
    ),
    "no_such_load": (
        "没有第 {answer!r} 个载荷；DROP 后输入已记录载荷的序号。",
        "There is no load {answer!r} to take back; type DROP and the number of one that was taken.",
    ),
    "capacity": (
        "{cells} 只 {kg} kg 的传感器容量不合理：合计须在 Max = {max_kg} kg 与其 {most} 倍之间。",
        "{cells} cells of {kg} kg are not plausible: together they must carry between Max = "
        "{max_kg} kg and {most} times that.",
    ),
    "above_max": ("{kg} kg 超过 Max = {max_kg} kg。", "{kg} kg is above Max = {max_kg} kg."),
    "below_span": (
        "{kg} kg 不足 Max 的 1 %，不能据以定量程。",
        "{kg} kg is below 1 % of Max; a span cannot rest on it.",
    ),
    "not_risen": (
        "传感器总和没有增大；检查极性和载荷。",
        "The sum of the cells did not rise; check polarity and load.",
    ),
    "weak": (
        "{kg} kg 只使总和变化 {counts:.0f} 个计数，折算到 Max 不足转换器量程的 1 %；"
        "检查增益、接线和传感器灵敏度。",
        "{kg} kg moved the sum by only {counts:.0f} counts, which at Max is below 1 % of the "
        "converter's range; check gain, wiring and the sensitivity of the cells.",
    ),
    "same_load": (
        "{kg} kg 已有；请换一个载荷，或先用 DROP n 撤销。",
        "{kg} kg was taken already; use another load, or take that one back with DROP n.",
    ),
    "less_signal": (
        "{heavier} kg 的信号比 {lighter} kg 小；检查砝码和输入的数字。",
        "{heavier} kg gave less signal than {lighter} kg; check the test masses and what was "
        "typed.",
    ),
    "off_line": (
        "{kg} kg 与其他载荷不在一条直线上（相差超过 5 %）；检查砝码和已输入的数字：{taken}。",
        "{kg} kg does not lie on a line with the other loads (more than 5 % off); check the test "
        "masses and the numbers typed so far: {taken}.",
    ),
    "cell_idle": (
        "{cell} 号传感器对各载荷几乎没有反应；检查接线，或再加一个靠近它的载荷。",
        "Cell {cell} hardly answered to any load; check its wiring, or take another load that "
        "stands near it.",
    ),
    "more_loads": ("还需 {count} 个载荷。", "Loads still needed: {count}."),
    "enough_loads": (
        "已有 {most} 个载荷，不能再多；直接按回车结束。",
        "{most} loads are as many as can be taken; Enter alone ends.",
    ),
    "implausible": ("结果不合理：{why}", "The result is not plausible: {why}"),
    "report.title": ("标定报告", "CALIBRATION REPORT"),
    "report.count": ("标定编号：{count}（{before}）", "calibration no. {count} ({before})"),
    "report.before": ("取代装置 {serial} 的第 {last} 号", "replaces no. {last} of device {serial}"),
    "report.before.none": ("此前无标定文件", "no calibration file before it"),
    "report.simulated": (
        "模拟传感器：本报告不能作为任何证明",
        "SIMULATED CELLS: this report proves nothing",
    ),
    "report.site": (
        "终端 {terminal}，{lane} 号通道，{source}",
        "terminal {terminal}, lane {lane}, {source}",
    ),
    "report.device": (
        "放大器 {serial}（{model}），{cells} 只 {kg} kg 传感器",
        "device {serial} ({model}), {cells} cells of {kg} kg",
    ),
    "report.plate": (
        "Max {max_kg} kg，e = d = {e_kg} kg，III 级",
        "Max {max_kg} kg, e = d = {e_kg} kg, class III",
    ),
    "report.made": ("标定时间 {at}，标定人 {by}", "made {at} by {by}"),
    "report.clock": ("（时钟未校准）", " (the clock was not set)"),
    "report.software": (
        "软件 {version}，sha256 {software}\n配置 sha256 {config}",
        "software {version}, sha256 {software}\nconfiguration sha256 {config}",
    ),
    "report.head": (
        "  序号  载荷 kg   示值 kg   误差 kg   误差 e  MPE e  结论",
        "   no.  load kg  shown kg  error kg  error e  MPE e  result",
    ),
    "report.within": ("合格", "within"),
    "report.outside": ("超差", "OUTSIDE"),
    "report.line": (
        "与直线最大偏差：{kg:.1f} kg（{e:.2f} e）",
        "largest distance from a straight line: {kg:.1f} kg ({e:.2f} e)",
    ),
    "report.reach": (
        "最大载荷为 Max 的 {percent} %；此上的误差未经测量",
        "heaviest load: {percent} % of Max; errors above it were not measured",
    ),
    "report.corner_mass": (
        "偏载砝码 {kg} kg，调整后各处示值 {shown:.1f} kg（{e:+.2f} e）",
        "corner test mass {kg} kg, shown at every cell as {shown:.1f} kg ({e:+.2f} e)",
    ),
    "report.corners": ("偏载调整（按传感器）：{shares}", "corner adjustment by cell: {shares}"),
    "report.no_corners": (
        "偏载：未测，各传感器按相同灵敏度计",
        "corners: NOT tested, all cells count alike",
    ),
    "report.zero": ("零点（计数）：{counts}", "zero in counts by cell: {counts}"),
    "report.good": (
        "结论：在最大允许误差内（首次检定）",
        "verdict: within the MPE of initial verification",
    ),
    "report.bad": (
        "结论：超出最大允许误差（首次检定）",
        "verdict: NOT within the MPE of initial verification",
    ),
}
