/* Arm MPS2 AN385 (Cortex-M3), as QEMU models it. UART0 is the link to the terminal. The board has
 * no amplifier: UART1 brings conversions from outside and tells what the relays do.
 *
 * To the board, a conversion: A5, cell, three octets of counts (low first), exclusive or of the
 * four octets before. From the board, a relay change: 0x80 | mask. */
#include "../../core/front_end.h"
#include "../../core/hw.h"

#define REG(address) (*(volatile uint32_t *)(uintptr_t)(address))
#define UART0 0x40004000u
#define UART1 0x40005000u
#define UART_DATA 0x00u
#define UART_STATE 0x04u /* bit 0: no room to send, bit 1: an octet came */
#define UART_CTRL 0x08u
#define UART_BAUDDIV 0x10u
#define WATCHDOG 0x40008000u
#define WATCHDOG_TICKS 25000000u /* one second at 25 MHz, then reset at the second time-out */
#define SYSTICK_CTRL 0xE000E010u
#define SYSTICK_LOAD 0xE000E014u
#define SYSTICK_VAL 0xE000E018u
#define TICKS_PER_US 25u
#define TICKS_PER_MS 25000u
#define RECORD 6u
#define MARK 0xA5u
#define TELL_TRIES 100000u

static volatile uint64_t ms;
static uint8_t coils;
static fe_adc adc;
static fe_state state;
static uint8_t record[RECORD];
static uint8_t record_count;
static fe_sample waiting;
static bool has_waiting;

void systick(void) { ms++; }

uint64_t hw_now_us(void)
{
    uint64_t before, after;
    uint32_t left;
    do {
        before = ms;
        left = REG(SYSTICK_VAL);
        after = ms;
    } while (before != after);
    return before * 1000u + (TICKS_PER_MS - 1u - left) / TICKS_PER_US;
}

static bool uart_read(uint32_t uart, uint8_t *octet)
{
    if ((REG(uart + UART_STATE) & 2u) == 0) {
        return false;
    }
    *octet = (uint8_t)REG(uart + UART_DATA);
    return true;
}

static bool uart_write(uint32_t uart, uint8_t octet)
{
    if (REG(uart + UART_STATE) & 1u) {
        return false;
    }
    REG(uart + UART_DATA) = octet;
    return true;
}

bool hw_uart_read(uint8_t *octet) { return uart_read(UART0, octet); }
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

static void take(void)
{
    uint8_t octet;
    while (!has_waiting && uart_read(UART1, &octet)) {
        record[record_count++] = octet;
        if (record[0] != MARK) {
            record_count = 0;
        } else if (record_count == RECORD) {
            record_count = 0;
            uint8_t check = (uint8_t)(record[1] ^ record[2] ^ record[3] ^ record[4]);
            uint32_t word = record[2] | ((uint32_t)record[3] << 8) | ((uint32_t)record[4] << 16);
            has_waiting = check == record[5] && record[1] < FE_CELLS_MAX;
            waiting.at_us = hw_now_us();
            waiting.cell = record[1];
            waiting.counts = (int32_t)(word & 0x800000u ? word | 0xFF000000u : word);
            bool full = waiting.counts >= FE_FULL_SCALE || waiting.counts <= -FE_FULL_SCALE - 1;
            waiting.flags = full ? FE_FLAG_SATURATED : 0;
        }
    }
}

static bool fed_read(fe_adc *from, uint8_t cell, fe_sample *sample)
{
    (void)from;
    take();
    if (!has_waiting || waiting.cell != cell) {
        return false;
    }
    *sample = waiting;
    has_waiting = false;
    return true;
}

static void setup(void)
{
    for (uint32_t uart = UART0; uart <= UART1; uart += UART1 - UART0) {
        REG(uart + UART_BAUDDIV) = 27; /* 25 MHz / 27: 921600 baud within 0.5 % */
        REG(uart + UART_CTRL) = 3;
    }
    REG(SYSTICK_LOAD) = TICKS_PER_MS - 1u;
    REG(SYSTICK_VAL) = 0;
    REG(SYSTICK_CTRL) = 7;
    REG(WATCHDOG + 0x00u) = WATCHDOG_TICKS;
    REG(WATCHDOG + 0x08u) = 3; /* interrupt and reset */
    adc.kind = 3;
    adc.gain = 128;
    adc.rate_mhz = 80000;
    adc.read = fed_read;
}

int main(void)
{
    setup();
    fe_config config = { &adc, FE_CELLS_MAX, 4, "mps2-an385", 1 };
    fe_init(&state, &config, REG(SYSTICK_VAL));
    for (;;) {
        fe_step(&state);
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

__attribute__((section(".vectors"), used)) static void (*const vectors[16])(void) = {
    (void (*)(void))&_estack, reset, stop, stop, stop, stop, stop, 0,
    0, 0, 0, stop, stop, 0, stop, systick
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
