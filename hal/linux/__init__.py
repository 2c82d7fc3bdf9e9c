"""The only files that touch the kernel: smbus2, spidev, lgpio, picamera2, clocks, scheduling."""
