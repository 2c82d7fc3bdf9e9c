/* What a board must offer. Everything else of the firmware is portable C11 without a heap. */
#ifndef FE_HW_H
#define FE_HW_H

#include <stdbool.h>
#include <stdint.h>

uint64_t hw_now_us(void);              /* free-running since reset, never steps */
bool hw_uart_read(uint8_t *octet);     /* false: nothing came */
bool hw_uart_write(uint8_t octet);     /* false: no room, try again */
void hw_relay(uint8_t output, bool energised);
bool hw_relay_contact(uint8_t output); /* read-back contact; where none is wired: the coil */
uint8_t hw_inputs(void);               /* one bit a field input, set: contact closed */
void hw_watchdog_kick(void);
uint32_t hw_irq_off(void);             /* returns what hw_irq_restore takes */
void hw_irq_restore(uint32_t was);
void hw_clock_pin(uint8_t cell, bool high); /* HX711 PD_SCK, ADS1232 SCLK */
bool hw_data_pin(uint8_t cell);             /* HX711 DOUT, ADS1232 DRDY/DOUT */
void hw_delay_us(uint32_t us);              /* busy, at least so long, below 10 */

#endif
