"""terminal.toml: the one configuration file, its types and its checks.

Decoded section by section, so that every problem of the file is listed at once. Unknown keys
are refused. Units end the key names. Calibration, zero and keys are not configuration: they are
sealed ledger events or files of their own. Read once at start; its digest goes into each record.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

Port = Annotated[int, Meta(ge=1, le=65_535)]
Kg = Annotated[int, Meta(ge=0, le=300_000)]
Line = Annotated[int, Meta(ge=-1, le=115)]
"""BCM number; 100 to 115 are lines GPA0 to GPB7 of an MCP23017; -1 is not wired."""
I2cBus = Annotated[int, Meta(ge=0, le=20)]
I2cAddress = Annotated[int, Meta(ge=0, le=0x77)]
Name = Annotated[str, Meta(pattern=r"^[A-Za-z0-9_.-]{1,40}$")]


class _Section(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Common rules of every section.

    plugin, options: with kind = "plugin", the name of an installed device and what it is told.
    """


class Site(_Section, frozen=True):
    """Who we are: codes as the county's list has them."""

    terminal_id: Name = "141025710001-1"
    source_unit: Annotated[str, Meta(min_length=1, max_length=40)] = "141025710001"
    source_name: Annotated[str, Meta(min_length=1, max_length=60)] = "示例煤场"
    lane: Annotated[int, Meta(ge=1, le=99)] = 1
    home_province: Annotated[str, Meta(min_length=1, max_length=1)] = "晋"
    phone: Annotated[str, Meta(max_length=20)] = ""
    language: Literal["zh-CN", "en"] = "zh-CN"


class Lane(_Section, frozen=True):
    """Kind of lane, of barriers, and the times of the flow."""

    kind: Literal["exit-only", "double"] = "double"
    barrier: Literal["pulse", "hold"] = "hold"
    boarding_s_max: Annotated[int, Meta(ge=10, le=600)] = 90
    settle_s_max: Annotated[int, Meta(ge=5, le=300)] = 40
    plate_s_max: Annotated[int, Meta(ge=2, le=120)] = 12
    commit_s_max: Annotated[int, Meta(ge=2, le=60)] = 5
    leave_s_max: Annotated[int, Meta(ge=10, le=900)] = 120
    barrier_s_max: Annotated[int, Meta(ge=2, le=60)] = 15
    close_delay_ms: Annotated[int, Meta(ge=500, le=10_000)] = 1_500


class Weighing(_Section, frozen=True):
    """The instrument: ranges and division as on its plate, and where the mass comes from.

    glitch_blocks: a cell with many spikes holds the vehicle instead of only raising an alarm. The
    one flag with a choice: every other forbids a mass at every gate, and no key relaxes it.
    """

    source: Literal["amplifier", "indicator"] = "amplifier"
    max_kg: Annotated[int, Meta(ge=1_000, le=300_000)] = 100_000
    e_kg: Literal[1, 2, 5, 10, 20, 50, 100] = 20
    occupied_kg: Annotated[int, Meta(ge=100, le=10_000)] = 800
    beams: bool = True
    deck_length_cm: Annotated[int, Meta(ge=300, le=3_000)] = 1_800
    site_margin_kg: Annotated[int, Meta(ge=0, le=2_000)] = 0
    vehicle_list: str = ""
    glitch_blocks: bool = False


class Amplifier(_Section, frozen=True):
    """The load-cell front end, when source = "amplifier".

    clock_pins, data_pins: one BCM number a cell for hx711 and ads1232; power_pin: PDWN of all
    ADS1232, -1 when strapped high. ready_pin: DRDY of a single NAU7802. iio_devices: names or
    numbers under /sys/bus/iio, one a cell.
    port, baud: line of the microcontroller. serial: what stands on the front end's own plate; a
    calibration of another serial is refused, so a spare part cannot weigh with its
    predecessor's spans.
    """

    kind: Literal["sim", "nau7802", "hx711", "ads1232", "iio", "mcu", "plugin"] = "sim"
    serial: Annotated[str, Meta(min_length=1, max_length=40)] = "unmarked"
    bus: I2cBus = 1
    address: Annotated[int, Meta(ge=0x08, le=0x77)] = 0x2A
    mux_address: I2cAddress = 0x70
    cells: Annotated[int, Meta(ge=1, le=8)] = 8
    rate_sps: Literal[10, 20, 40, 80, 320] = 80
    gain: Literal[1, 2, 4, 8, 16, 32, 64, 128] = 128
    port: str = ""
    baud: Literal[115200, 230400, 460800, 921600] = 921600
    cell_x_cm: tuple[int, ...] = (0, 0, 600, 600, 1_200, 1_200, 1_800, 1_800)
    cell_y_cm: tuple[int, ...] = (0, 300, 0, 300, 0, 300, 0, 300)
    calibration: str = "calibration.json"
    clock_pins: Annotated[tuple[int, ...], Meta(max_length=8)] = ()
    data_pins: Annotated[tuple[int, ...], Meta(max_length=8)] = ()
    power_pin: Line = -1
    ready_pin: Line = -1
    iio_devices: Annotated[tuple[str, ...], Meta(max_length=8)] = ()
    plugin: str = ""
    options: dict[str, str | int | bool] = {}


class IndicatorSection(_Section, frozen=True):
    """The approved indicator, when source = "indicator". `weigh-terminal listen` writes it.

    format_file: a protocol of the site's own instead of a built-in one. confirmed_scaling: how
    the number is to be read, as a person has found by comparing loads with the display.
    period_ms: time between two frames; the mass is stale after two of them.
    """

    kind: Literal["serial", "sim"] = "serial"
    port: str = "/dev/ttyUSB0"
    baud: Literal[600, 1200, 2400, 4800, 9600, 19200, 38400, 57600, 115200] = 9600
    parity: Literal["N", "E", "O"] = "N"
    data_bits: Literal[7, 8] = 8
    protocol: Name = "xk3190-tf0"
    format_file: str = ""
    period_ms: Annotated[int, Meta(ge=20, le=1_000)] = 100
    confirmed_scaling: Annotated[str, Meta(max_length=60)] = ""


class Field(_Section, frozen=True):
    """Inputs and relays by line number. Kind "sim" needs no pins.

    expander_address: of an MCP23017 that carries inputs numbered from 100, 0 for none.
    barriers: "mcu" puts the arms on the microcontroller of [amplifier], which drops them by
    itself when nobody renews their lease: *_open is then its output, *_is_open and *_is_closed
    its inputs, 0 to 7, and it reads the relays' contacts itself.
    """

    kind: Literal["sim", "gpio"] = "sim"
    beam_entry: Line = 5
    beam_exit: Line = 6
    loop_entry: Line = 12
    loop_exit: Line = 13
    estop: Line = 16
    wired_release: Line = 19
    seal: Line = -1
    door: Line = -1
    debounce_ms: Annotated[int, Meta(ge=0, le=500)] = 30
    normally_closed: bool = True
    exit_open: Line = 20
    exit_close: Line = -1
    exit_is_open: Line = 21
    exit_is_closed: Line = 22
    exit_contact: Line = 23
    entry_open: Line = 24
    entry_close: Line = -1
    entry_is_open: Line = 25
    entry_is_closed: Line = 26
    entry_contact: Line = 27
    lamp_entry: Line = 17
    lamp_exit: Line = 18
    siren: Line = -1
    relay_active_high: bool = True
    pulse_ms: Annotated[int, Meta(ge=100, le=3_000)] = 500
    barriers: Literal["lines", "mcu"] = "lines"
    expander_bus: I2cBus = 1
    expander_address: I2cAddress = 0


class SignSection(_Section, frozen=True):
    """The LED sign: chained MAX7219 modules of 8x8 pixels."""

    kind: Literal["sim", "max7219", "plugin", "none"] = "sim"
    width_px: Annotated[int, Meta(ge=32, le=256, multiple_of=8)] = 128
    height_px: Literal[8, 16, 32] = 32
    spi_port: Annotated[int, Meta(ge=0, le=2)] = 0
    spi_device: Annotated[int, Meta(ge=0, le=2)] = 0
    block_orientation: Literal[0, 90, -90, 180] = 0
    show_plate: bool = True
    plugin: str = ""
    options: dict[str, str | int | bool] = {}


class KeypadSection(_Section, frozen=True):
    """The operator's keypad. PIN hashes are made by `weigh-terminal pin`.

    rows, columns: by default on an MCP23017 of its own, because beside a sign and two barriers
    the header has no eight lines left. device: a USB keypad's node, empty for the first found.
    operator_pins: where there is none, nobody can answer a hold, so a vehicle that has been held
    for five minutes is refused on record and sent back by itself (D-020).
    """

    kind: Literal["sim", "matrix", "usb", "plugin", "none"] = "sim"
    rows: Annotated[tuple[Line, ...], Meta(min_length=4, max_length=4)] = (108, 109, 110, 111)
    columns: Annotated[tuple[Line, ...], Meta(min_length=4, max_length=4)] = (100, 101, 102, 103)
    expander_bus: I2cBus = 1
    expander_address: I2cAddress = 0x20
    device: str = ""
    plugin: str = ""
    options: dict[str, str | int | bool] = {}
    debounce_ms: Annotated[int, Meta(ge=5, le=200)] = 30
    operator_pins: tuple[str, ...] = ()
    supervisor_pins: tuple[str, ...] = ()


class PrinterSection(_Section, frozen=True):
    """Receipt printer behind a raw device file, such as /dev/usb/lp0; empty for none."""

    device: str = ""


class SpeakerSection(_Section, frozen=True):
    """Loudspeaker. folder: WAV files named after prompts (pass.wav), before the own tones."""

    enabled: bool = False
    folder: str = ""


class HealthSection(_Section, frozen=True):
    """Limits of the board's own health. watchdog: /dev/watchdog, empty when systemd has it.

    ups_address: of a MAX17040 battery gauge (0x36), 0 for none; what the kernel shows under
    /sys/class/power_supply needs no key.
    """

    watchdog: str = ""
    watchdog_s: Annotated[int, Meta(ge=3, le=15)] = 10
    cpu_c_max: Annotated[int, Meta(ge=50, le=90)] = 78
    wear_pct_max: Annotated[int, Meta(ge=10, le=100)] = 80
    charge_pct_min: Annotated[int, Meta(ge=0, le=100)] = 30
    ups_bus: I2cBus = 1
    ups_address: I2cAddress = 0


class CameraSection(_Section, frozen=True):
    """Cameras by role, and the thresholds of automatic plate acceptance (milli-nats).

    Measured: among 360 drawn plates 60 to 160 px wide under weather and dirt, single readings
    above a score of -300 were wrong in 1.6 %, above 1,500 in 0.4 %; of 40 real pictures none.
    accept_score_mn: mean score of the frames that agree. clip_before_s: film kept with each
    record, 0 for none. clip_after_s: film from there on until the vehicle has left, at most so
    long, in a second record. record_days, record_quota_mb: bounds of the recording, 0 days for
    none. A camera "exit" watches who leaves; it is never the first of roles.
    """

    kind: Literal["sim", "picamera2", "stream", "none"] = "sim"
    roles: tuple[Literal["front", "rear", "deck", "exit"], ...] = ("front", "rear")
    sources: tuple[str, ...] = ()
    width_px: Annotated[int, Meta(ge=320, le=4_608)] = 1280
    height_px: Annotated[int, Meta(ge=240, le=2_592)] = 720
    accept_margin_mn: Annotated[int, Meta(ge=0, le=20_000)] = 2_000
    accept_frames: Annotated[int, Meta(ge=1, le=20)] = 2
    accept_score_mn: Annotated[int, Meta(ge=-2_000, le=4_000)] = 1_500
    jpeg_quality: Annotated[int, Meta(ge=30, le=95)] = 85
    clip_before_s: Annotated[int, Meta(ge=0, le=60)] = 10
    clip_after_s: Annotated[int, Meta(ge=0, le=60)] = 30
    record_folder: str = "footage"
    record_days: Annotated[int, Meta(ge=0, le=366)] = 7
    record_quota_mb: Annotated[int, Meta(ge=50, le=10_000_000)] = 4_000


class LedgerSection(_Section, frozen=True):
    """Records on disk. signature: of a new ledger; one in use keeps its own."""

    folder: str = "ledger"
    signature: Literal["ed25519", "sm2"] = "ed25519"
    outbox_max: Annotated[int, Meta(ge=100, le=10_000_000)] = 200_000
    disk_free_mb_min: Annotated[int, Meta(ge=20, le=1_000_000)] = 200


CoapUri = Annotated[str, Meta(pattern=r"^coaps?(\+(tcp|ws))?://[^/\s]+$")]
"""coaps:// is DTLS with a shared key: the last rung, needs the extra `dtls` and `dtls_psk`."""


class Target(_Section, frozen=True):
    """One receiving platform. Adding one changes no stored byte.

    uri: the best way to it; fallback_uris: other ways, tried in order when it fails.
    oscore: folder of the OSCORE context made at enrolment, empty for none.
    dtls_psk: file of the DTLS key made at enrolment (32 hex digits), for a coaps:// way.
    """

    name: Name = "county"
    uri: CoapUri = "coap://127.0.0.1"
    fallback_uris: Annotated[tuple[CoapUri, ...], Meta(max_length=4)] = ()
    oscore: str = ""
    dtls_psk: str = ""
    adapter: Literal["coap-v1"] = "coap-v1"
    records_per_s_max: Annotated[int, Meta(ge=1, le=200)] = 50
    photos: bool = True


class ResourcesSection(_Section, frozen=True):
    """The terminal's own read-only CoAP resources, over UDP.

    host: loopback unless the site's LAN may look. to_platforms: also answer the platforms of
    [[targets]] over the TCP or WebSocket connection that the terminal itself has opened.
    """

    enabled: bool = True
    host: str = "127.0.0.1"
    port: Port = 5685
    to_platforms: bool = False


class ConsoleSection(_Section, frozen=True):
    """The page for the operator's browser."""

    enabled: bool = True
    host: str = "127.0.0.1"
    port: Port = 8080


class Runtime(_Section, frozen=True):
    """Where sockets live, relative to the configuration file unless absolute."""

    folder: str = "run"


class Config(_Section, frozen=True):
    """The whole file. Every section may be left out: its defaults then hold."""

    site: Site = Site()
    lane: Lane = Lane()
    weighing: Weighing = Weighing()
    amplifier: Amplifier = Amplifier()
    indicator: IndicatorSection = IndicatorSection()
    field: Field = Field()
    sign: SignSection = SignSection()
    keypad: KeypadSection = KeypadSection()
    printer: PrinterSection = PrinterSection()
    speaker: SpeakerSection = SpeakerSection()
    health: HealthSection = HealthSection()
    camera: CameraSection = CameraSection()
    ledger: LedgerSection = LedgerSection()
    targets: tuple[Target, ...] = (Target(),)
    resources: ResourcesSection = ResourcesSection()
    console: ConsoleSection = ConsoleSection()
    runtime: Runtime = Runtime()


@dataclass(frozen=True, slots=True)
class Problem:
    """One defect of the file: where, what was found, what is allowed."""

    key: str
    found: str
    allowed: str


class ConfigError(Exception):
    """The file cannot be used. Ends the process with exit 78, all problems listed."""

    def __init__(self, path: str, problems: tuple[Problem, ...]) -> None:
        """Keep the list; str() is one line a problem."""
        lines = [f"{path}: {p.key}: found {p.found}; allowed: {p.allowed}" for p in problems]
        super().__init__("\n".join(lines))
        self.problems = problems
        many = "s" if len(problems) != 1 else ""
        self.summary = f"{path}: {len(problems)} problem{many}; nothing was started"


@dataclass(frozen=True, slots=True)
class Loaded:
    """A checked configuration with the folder its relative paths count from, and its digest."""

    config: Config
    base: Path
    sha256: bytes

    def path(self, value: str) -> Path:
        """A path of the file: absolute as given, or relative to the file's folder."""
        return (self.base / value).resolve()
