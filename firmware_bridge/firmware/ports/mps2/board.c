/* Arm MPS2 AN385 (Cortex-M3), as QEMU models it. UART0 is the link to the terminal. The board has
 * no amplifier: UART1 brings conversions from outside and tells what the relays do.
 *
 * To the board, one conversion of all eight cells: A5, three octets of counts a cell (low first),
 * exclusive or of those 24 octets. From the board, a relay change: 0x80 | mask. */
#include "../../core/front_end.h"
#include "../../core/hw.h"

#define REG(address) (*(volatile uint32_t *)(uintptr_t)(address))
#define UART0 0x40004000u
#define UART1 0x40005000u
#define UART_DATA 0x00u
#define UART_STATE 0x04u /* bit 0: no room to send, bit 1: an octet came */
#define UART_CTRL 0x08u
#define UART_CLEAR 0x0Cu
#define UART_BAUDDIV 0x10u
#define UART_ON 0x0Bu /* send, receive, interrupt on each octet received */
#define UART_RECEIVED 2u
#define NVIC_ENABLE 0xE000E100u
#define UART_INTERRUPTS 0x05u /* 0: UART0 received, 2: UART1 received */
#define SYSTICK_CTRL 0xE000E010u
#define SYSTICK_LOAD 0xE000E014u
#define SYSTICK_TICKS 25000u /* one millisecond: leases and batches are looked at so often */
#define RING 256u
#define WATCHDOG 0x40008000u
#define WATCHDOG_TICKS 25000000u /* one second at 25 MHz, then reset at the second time-out */
#define TIMER 0x40002000u /* dual timer, first half: counts down at 25 MHz, 32 bits, for ever */
#define TIMER_VALUE 0x04u
#define TIMER_CTRL 0x08u
#define TIMER_FREE_32 0x82u
#define TICKS_PER_US 25u
#define RECORD (2u + 3u * FE_CELLS_MAX)
#define MARK 0xA5u
#define TELL_TRIES 100000u

typedef struct {
    volatile uint8_t octets[RING];
    volatile uint8_t head, tail; /* they wrap by themselves; a full ring loses the newest */
} ring;

static ring received[2];
static uint64_t ticks;
static uint32_t ticks_seen;
static uint8_t coils;
static fe_adc adc;
static fe_state state;
static uint8_t record[RECORD];
static uint8_t record_count;
static fe_sample waiting[FE_CELLS_MAX];
static uint8_t waiting_mask;

/* Called every pass of the main loop, far more often than the 171 s in which the timer wraps. */
uint64_t hw_now_us(void)
{
    uint32_t now = ~REG(TIMER + TIMER_VALUE);
    ticks += (uint32_t)(now - ticks_seen);
    ticks_seen = now;
    return ticks / TICKS_PER_US;
}

static void collect(uint32_t uart, ring *to)
{
    REG(uart + UART_CLEAR) = UART_RECEIVED; /* first: an octet that comes now must interrupt again */
    while (REG(uart + UART_STATE) & 2u) {
        uint8_t octet = (uint8_t)REG(uart + UART_DATA);
        if ((uint8_t)(to->head + 1u) != to->tail) {
            to->octets[to->head] = octet;
            to->head = (uint8_t)(to->head + 1u);
        }
    }
}

static void uart0_received(void) { collect(UART0, &received[0]); }
static void uart1_received(void) { collect(UART1, &received[1]); }
static void tick(void) { /* waking the main loop is all it does */ }

static bool ring_read(ring *from, uint8_t *octet)
{
    if (from->head == from->tail) {
        return false;
    }
    *octet = from->octets[from->tail];
    from->tail = (uint8_t)(from->tail + 1u);
    return true;
}

/* Sleep until an interrupt, unless one came since the last look. */
static void rest(void)
{
    uint32_t was = hw_irq_off();
    if (received[0].head == received[0].tail && received[1].head == received[1].tail) {
        __asm volatile("wfi");
    }
    hw_irq_restore(was);
}

static bool uart_write(uint32_t uart, uint8_t octet)
{
    if (REG(uart + UART_STATE) & 1u) {
        return false;
    }
    REG(uart + UART_DATA) = octet;
    return true;
}

bool hw_uart_read(uint8_t *octet) { return ring_read(&received[0], octet); }
bool hw_uart_write(uint8_t octet) { return uart_write(UART0, octet); }
bool hw_relay_contact(uint8_t output) { return (coils >> output) & 1u; }
uint8_t hw_inputs(void) { return 0; }
void hw_watchdog_kick(void) { REG(WATCHDOG + 0x0Cu) = 1; }
void hw_clock_pin(uint8_t cell, bool high) { (void)cell; (void)high; }
bool hw_data_pin(uint8_t cell) { (void)cell; return true; }

uint32_t hw_irq_off(void)
{
    uint32_t was;
    __asm volatile("mrs %0, primask\n cpsid i" : "=r"(was) : : "memory");
    return was;
}

void hw_irq_restore(uint32_t was) { __asm volatile("msr primask, %0" : : "r"(was) : "memory"); }

void hw_delay_us(uint32_t us)
{
    uint64_t until_us = hw_now_us() + us;
    while (hw_now_us() < until_us) {
    }
}

void hw_relay(uint8_t output, bool energised)
{
    uint8_t before = coils, bit = (uint8_t)(1u << output);
    coils = energised ? (uint8_t)(coils | bit) : (uint8_t)(coils & ~bit);
    for (unsigned tries = 0; coils != before && tries < TELL_TRIES; tries++) {
        if (uart_write(UART1, (uint8_t)(0x80u | coils))) {
            break;
        }
    }
}

static void convert(void)
{
    uint8_t check = 0;
    for (unsigned i = 1; i < RECORD; i++) {
        check ^= record[i];
    }
    for (uint8_t cell = 0; check == 0 && cell < FE_CELLS_MAX; cell++) {
        const uint8_t *p = record + 1 + 3 * cell;
        uint32_t word = p[0] | ((uint32_t)p[1] << 8) | ((uint32_t)p[2] << 16);
        fe_sample *one = &waiting[cell];
        one->at_us = hw_now_us();
        one->cell = cell;
        one->counts = (int32_t)(word & 0x800000u ? word | 0xFF000000u : word);
        bool full = one->counts >= FE_FULL_SCALE || one->counts <= -FE_FULL_SCALE - 1;
        one->flags = full ? FE_FLAG_SATURATED : 0;
        waiting_mask |= (uint8_t)(1u << cell);
    }
}

static void take(void)
{
    uint8_t octet;
    while (waiting_mask == 0 && ring_read(&received[1], &octet)) {
        record[record_count++] = octet;
        if (record[0] != MARK) {
            record_count = 0;
        } else if (record_count == RECORD) {
            record_count = 0;
            convert();
        }
    }
}

static bool fed_read(fe_adc *from, uint8_t cell, fe_sample *sample)
{
    (void)from;
    take();
    uint8_t bit = (uint8_t)(1u << cell);
    if ((waiting_mask & bit) == 0) {
        return false;
    }
    *sample = waiting[cell];
    waiting_mask &= (uint8_t)~bit;
    return true;
}

static void setup(void)
{
    for (uint32_t uart = UART0; uart <= UART1; uart += UART1 - UART0) {
        REG(uart + UART_BAUDDIV) = 27; /* 25 MHz / 27: 921600 baud within 0.5 % */
        REG(uart + UART_CTRL) = UART_ON;
    }
    REG(NVIC_ENABLE) = UART_INTERRUPTS;
    REG(SYSTICK_LOAD) = SYSTICK_TICKS - 1u;
    REG(SYSTICK_CTRL) = 7;
    REG(TIMER + TIMER_CTRL) = TIMER_FREE_32;
    ticks_seen = ~REG(TIMER + TIMER_VALUE);
    REG(WATCHDOG + 0x00u) = WATCHDOG_TICKS;
    REG(WATCHDOG + 0x08u) = 3; /* interrupt and reset */
    adc.kind = 3;
    adc.gain = 128;
    adc.rate_mhz = 40000;
    adc.read = fed_read;
}

int main(void)
{
    setup();
    fe_config config = { &adc, FE_CELLS_MAX, 4, "mps2-an385", 1 };
    fe_init(&state, &config, REG(TIMER + TIMER_VALUE));
    for (;;) {
        fe_step(&state);
        rest();
    }
}

extern uint32_t _estack, _bss, _ebss, _data, _edata, _data_from;

void reset(void)
{
    uint32_t *from = &_data_from;
    for (uint32_t *to = &_data; to < &_edata; to++) {
        *to = *from++;
    }
    for (uint32_t *to = &_bss; to < &_ebss; to++) {
        *to = 0;
    }
    (void)main();
}

static void stop(void)
{
    for (;;) { /* a fault: the watchdog resets, and a reset drops every relay */
    }
}

__attribute__((section(".vectors"), used)) static void (*const vectors[19])(void) = {
    (void (*)(void))&_estack, reset, stop, stop, stop, stop, stop, 0,
    0, 0, 0, stop, stop, 0, stop, tick,
    uart0_received, stop, uart1_received
};

void *memcpy(void *to, const void *from, size_t count)
{
    uint8_t *t = to;
    const uint8_t *f = from;
    while (count--) {
        *t++ = *f++;
    }
    return to;
}

void *memset(void *to, int value, size_t count)
{
    uint8_t *t = to;
    while (count--) {
        *t++ = (uint8_t)value;
    }
    return to;
}
