/* Host build: the board is a table of callbacks that the tests fill in. */
#include "../../core/front_end.h"
#include "../../core/hw.h"

typedef struct {
    uint64_t (*now_us)(void);
    int (*uart_read)(void); /* -1: nothing */
    int (*uart_write)(uint8_t octet);
    void (*relay)(uint8_t output, int energised);
    void (*clock_pin)(uint8_t cell, int high);
    int (*data_pin)(uint8_t cell);
    void (*delay_us)(uint32_t us);
    void (*watchdog)(void);
    int (*inputs)(void);
} host_board;

static host_board board;
static uint8_t coils;

uint64_t hw_now_us(void) { return board.now_us(); }
bool hw_uart_write(uint8_t octet) { return board.uart_write(octet) != 0; }
void hw_clock_pin(uint8_t cell, bool high) { board.clock_pin(cell, high); }
bool hw_data_pin(uint8_t cell) { return board.data_pin(cell) != 0; }
void hw_delay_us(uint32_t us) { board.delay_us(us); }
void hw_watchdog_kick(void) { board.watchdog(); }
uint8_t hw_inputs(void) { return (uint8_t)board.inputs(); }
uint32_t hw_irq_off(void) { return 0; }
void hw_irq_restore(uint32_t was) { (void)was; }
bool hw_relay_contact(uint8_t output) { return (coils >> output) & 1u; }

bool hw_uart_read(uint8_t *octet)
{
    int came = board.uart_read();
    *octet = (uint8_t)came;
    return came >= 0;
}

void hw_relay(uint8_t output, bool energised)
{
    uint8_t bit = (uint8_t)(1u << output);
    coils = energised ? (uint8_t)(coils | bit) : (uint8_t)(coils & ~bit);
    board.relay(output, energised);
}

static fe_adc adc;
static fe_state state;

void host_start(const host_board *given, uint8_t kind, uint8_t gain, uint8_t cells, uint32_t boot)
{
    board = *given;
    if (kind == 2) {
        fe_ads1232_init(&adc, gain, 80000);
    } else {
        fe_hx711_init(&adc, gain, 80000);
    }
    fe_config config = { &adc, cells, 4, "host", 1 };
    fe_init(&state, &config, boot);
}

void host_step(void) { fe_step(&state); }
