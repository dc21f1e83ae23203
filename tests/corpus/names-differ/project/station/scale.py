from serial import Serial


def weigh(port="/dev/ttyUSB0"):
    with Serial(port, 9600, timeout=1) as line:
        line.write(b"W\r\n")
        return float(line.readline().split()[0])
