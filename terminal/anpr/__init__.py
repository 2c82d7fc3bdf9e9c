"""From a picture to a plate with its margin. No camera, no clock."""
