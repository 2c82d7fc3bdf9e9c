/* HX711 and ADS1232 readers over two pins. Both clock out 24 bits, most significant first, and
 * must see the data line high after one more pulse; a pulse that an interrupt stretched is told,
 * because the HX711 powers down after 60 us (data sheet, "Power-Down Control"). */
#include "adc.h"

#include "hw.h"

#define BITS 24u
#define DISCARD_AFTER_FAULT 4u /* HX711 data sheet: output settles in four periods */
#define PULSE_US 1u

/* One pulse; true when it lasted too long. */
static bool pulse(uint8_t cell)
{
    uint64_t began_us = hw_now_us();
    hw_clock_pin(cell, true);
    hw_delay_us(PULSE_US);
    hw_clock_pin(cell, false);
    bool too_long = hw_now_us() - began_us > FE_PULSE_US_MAX;
    hw_delay_us(PULSE_US);
    return too_long;
}

static bool read_pair(fe_adc *adc, uint8_t cell, uint8_t more_pulses, fe_sample *sample)
{
    if (hw_data_pin(cell)) {
        return false;
    }
    uint32_t word = 0;
    uint8_t flags = 0;
    sample->at_us = hw_now_us();
    for (unsigned i = 0; i < BITS; i++) {
        uint32_t was = hw_irq_off();
        uint64_t began_us = hw_now_us();
        hw_clock_pin(cell, true);
        hw_delay_us(PULSE_US);
        word = (word << 1) | (hw_data_pin(cell) ? 1u : 0u);
        hw_clock_pin(cell, false);
        if (hw_now_us() - began_us > FE_PULSE_US_MAX) {
            flags |= FE_FLAG_READ_TOO_LONG;
        }
        hw_irq_restore(was);
        hw_delay_us(PULSE_US);
    }
    for (unsigned i = 0; i < more_pulses; i++) {
        uint32_t was = hw_irq_off();
        if (pulse(cell)) {
            flags |= FE_FLAG_READ_TOO_LONG;
        }
        hw_irq_restore(was);
    }
    if (!hw_data_pin(cell)) {
        flags |= FE_FLAG_DESYNC;
    }
    sample->counts = (int32_t)(word & 0x800000u ? word | 0xFF000000u : word);
    if (sample->counts >= FE_FULL_SCALE || sample->counts <= -FE_FULL_SCALE - 1) {
        flags |= FE_FLAG_SATURATED;
    }
    if (flags & (FE_FLAG_READ_TOO_LONG | FE_FLAG_DESYNC)) {
        adc->discard[cell] = DISCARD_AFTER_FAULT;
    } else if (adc->discard[cell] > 0) {
        adc->discard[cell]--;
        flags |= FE_FLAG_AFTER_FAULT;
    }
    sample->cell = cell;
    sample->flags = flags;
    return true;
}

static bool hx711_read(fe_adc *adc, uint8_t cell, fe_sample *sample)
{
    return read_pair(adc, cell, adc->gain_pulses, sample);
}

static bool ads1232_read(fe_adc *adc, uint8_t cell, fe_sample *sample)
{
    return read_pair(adc, cell, 1, sample); /* the 25th pulse forces DRDY/DOUT high */
}

static void clear(fe_adc *adc, uint8_t kind, uint8_t gain, uint32_t rate_mhz)
{
    adc->kind = kind;
    adc->gain = gain;
    adc->rate_mhz = rate_mhz;
    for (unsigned cell = 0; cell < FE_CELLS_MAX; cell++) {
        adc->discard[cell] = DISCARD_AFTER_FAULT;
    }
}

void fe_hx711_init(fe_adc *adc, uint8_t gain, uint32_t rate_mhz)
{
    clear(adc, 1, gain, rate_mhz);
    adc->read = hx711_read;
    adc->gain_pulses = gain == 32 ? 2 : gain == 64 ? 3 : 1;
}

void fe_ads1232_init(fe_adc *adc, uint8_t gain, uint32_t rate_mhz)
{
    clear(adc, 2, gain, rate_mhz);
    adc->read = ads1232_read;
    adc->gain_pulses = 1;
}
