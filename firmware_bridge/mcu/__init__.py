"""The microcontroller front end as devices."""
