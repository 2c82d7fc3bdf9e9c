/* Amplifiers: one conversion of one cell at a time, with what the reader noticed. */
#ifndef FE_ADC_H
#define FE_ADC_H

#include <stdbool.h>
#include <stdint.h>

#define FE_FLAG_READ_TOO_LONG 1u /* a clock pulse was so long that the chip may have slept */
#define FE_FLAG_DESYNC 2u        /* data line not high after the last pulse */
#define FE_FLAG_SATURATED 4u
#define FE_FLAG_AFTER_FAULT 32u  /* conversion after a fault: its settings may be wrong */

#define FE_CELLS_MAX 8u
#define FE_PULSE_US_MAX 50u /* HX711 sleeps after 60 us of PD_SCK high */
#define FE_FULL_SCALE 0x7FFFFF

typedef struct {
    uint64_t at_us;
    int32_t counts;
    uint8_t cell;
    uint8_t flags;
} fe_sample;

typedef struct fe_adc {
    uint8_t kind; /* 1 HX711, 2 ADS1232, 3 fed by the board */
    uint32_t rate_mhz;
    uint8_t gain;
    /* True when a conversion of this cell was read into *sample. */
    bool (*read)(struct fe_adc *adc, uint8_t cell, fe_sample *sample);
    uint8_t discard[FE_CELLS_MAX]; /* conversions still to be flagged after a fault */
    uint8_t gain_pulses;           /* HX711: 1 gain 128, 2 gain 32 (channel B), 3 gain 64 */
} fe_adc;

void fe_hx711_init(fe_adc *adc, uint8_t gain, uint32_t rate_mhz);
void fe_ads1232_init(fe_adc *adc, uint8_t gain, uint32_t rate_mhz);

#endif
