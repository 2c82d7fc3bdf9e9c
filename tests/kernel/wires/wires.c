// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
/* An I2C adapter and an SPI controller whose far ends are a program.
 *
 * The kernel side is a bus like any other: i2c-dev and spidev open it, and whoever uses them cannot
 * tell. What goes over the wires is handed, one transfer at a time, to the program that has opened
 * /dev/wires, and waits for its answer. With no such program, or none that answers, nobody
 * acknowledges: EREMOTEIO, as on a Raspberry Pi with the cable out.
 *
 * The program has one call, ioctl(WIRES_TURN): it answers the transfer it was given last, waits for
 * the next one as long as it says, and takes it. See struct turn. A transfer is, for I2C, its
 * messages, each as struct part and, when it writes, its bytes; for SPI the chip select as one byte
 * and the bytes of one chip-select window. An answer is an s32 (0 or a negative errno) and, for I2C,
 * the bytes of every reading message.
 */
#include <linux/i2c.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/platform_device.h>
#include <linux/spi/spi.h>
#include <linux/uaccess.h>
#include <linux/wait.h>

#define BYTES_MAX 8192
#define ANSWER_JIFFIES_MAX HZ
#define I2C_NUMBER 1
#define SPI_NUMBER 0
#define SPI_SELECTS 2
#define WIRES_TURN _IO('w', 1)

enum bus { NO_BUS, I2C, SPI };
enum stage { IDLE, ASKED, TAKEN, ANSWERED };

/* In: bytes of the answer (0: none), and how long to wait. Out: bus and bytes of the transfer. */
struct turn {
	__u32 wait_us;
	__u32 bus;
	__u32 bytes;
	__u8 payload[BYTES_MAX];
};

struct part {
	__u16 address;
	__u16 flags;
	__u16 length;
};

static struct {
	struct mutex one;	/* one transfer at a time, whichever the bus */
	struct mutex lock;	/* the fields below */
	wait_queue_head_t moved;
	enum stage stage;
	enum bus bus;
	bool open;
	size_t asked, answered;
	u8 request[BYTES_MAX];
	u8 answer[BYTES_MAX];
} wire;

static void put(const void *bytes, size_t count)
{
	memcpy(wire.request + wire.asked, bytes, count);
	wire.asked += count;
}

/* Called with `one` held and the request written. 0, or what the answer's first word says. */
static int exchange(enum bus bus)
{
	s32 status = -EREMOTEIO;

	mutex_lock(&wire.lock);
	if (!wire.open) {
		mutex_unlock(&wire.lock);
		return status;
	}
	wire.bus = bus;
	wire.stage = ASKED;
	mutex_unlock(&wire.lock);
	wake_up_all(&wire.moved);
	wait_event_timeout(wire.moved, READ_ONCE(wire.stage) == ANSWERED || !READ_ONCE(wire.open),
			   ANSWER_JIFFIES_MAX);
	mutex_lock(&wire.lock);
	if (wire.stage == ANSWERED && wire.answered >= sizeof(status))
		memcpy(&status, wire.answer, sizeof(status));
	wire.stage = IDLE;
	mutex_unlock(&wire.lock);
	return status > 0 ? -EIO : status;
}

static int far_open(struct inode *inode, struct file *file)
{
	int rc = -EBUSY;

	mutex_lock(&wire.lock);
	if (!wire.open) {
		wire.open = true;
		wire.stage = IDLE;
		rc = 0;
	}
	mutex_unlock(&wire.lock);
	return rc;
}

static int far_release(struct inode *inode, struct file *file)
{
	mutex_lock(&wire.lock);
	WRITE_ONCE(wire.open, false);
	mutex_unlock(&wire.lock);
	wake_up_all(&wire.moved);
	return 0;
}

/* Takes the answer in. An answer to a transfer that has given up is dropped. */
static int take_answer(struct turn __user *turn, u32 bytes)
{
	int rc = 0;

	if (bytes > BYTES_MAX)
		return -EMSGSIZE;
	mutex_lock(&wire.lock);
	if (wire.stage == TAKEN) {
		rc = copy_from_user(wire.answer, turn->payload, bytes) ? -EFAULT : 0;
		wire.answered = rc ? 0 : bytes;
		wire.stage = ANSWERED;
	}
	mutex_unlock(&wire.lock);
	wake_up_all(&wire.moved);
	return rc;
}

static int give_request(struct turn __user *turn)
{
	u32 head[2] = { NO_BUS, 0 };
	int rc = 0;

	mutex_lock(&wire.lock);
	if (wire.stage == ASKED) {
		head[0] = wire.bus;
		head[1] = wire.asked;
		wire.stage = TAKEN;
		if (copy_to_user(turn->payload, wire.request, wire.asked))
			rc = -EFAULT;
	}
	mutex_unlock(&wire.lock);
	if (!rc && copy_to_user(&turn->bus, head, sizeof(head)))
		rc = -EFAULT;
	return rc;
}

static long far_turn(struct file *file, unsigned int command, unsigned long argument)
{
	struct turn __user *turn = (struct turn __user *)argument;
	u32 head[3];
	long rc;

	if (command != WIRES_TURN)
		return -ENOTTY;
	if (copy_from_user(head, turn, sizeof(head)))
		return -EFAULT;
	rc = head[2] ? take_answer(turn, head[2]) : 0;
	if (rc)
		return rc;
	rc = wait_event_interruptible_hrtimeout(wire.moved, READ_ONCE(wire.stage) == ASKED,
						us_to_ktime(head[0]));
	if (rc && rc != -ETIME)
		return rc;
	return give_request(turn);
}

static const struct file_operations far_operations = {
	.owner = THIS_MODULE,
	.open = far_open,
	.release = far_release,
	.unlocked_ioctl = far_turn,
};

static struct miscdevice far_end = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "wires",
	.fops = &far_operations,
};
static struct platform_device *parent;

static int carry(struct i2c_msg *messages, int count)
{
	size_t at = sizeof(s32);
	int rc, i;

	wire.asked = 0;
	for (i = 0; i < count; i++) {
		struct i2c_msg *each = &messages[i];
		struct part part = { each->addr, each->flags & I2C_M_RD, each->len };
		size_t more = sizeof(part) + (each->flags & I2C_M_RD ? 0 : each->len);

		if (wire.asked + more > BYTES_MAX)
			return -EMSGSIZE;
		put(&part, sizeof(part));
		if (!(each->flags & I2C_M_RD))
			put(each->buf, each->len);
	}
	rc = exchange(I2C);
	for (i = 0; !rc && i < count; i++) {
		if (!(messages[i].flags & I2C_M_RD))
			continue;
		if (at + messages[i].len > wire.answered)
			return -EPROTO;
		memcpy(messages[i].buf, wire.answer + at, messages[i].len);
		at += messages[i].len;
	}
	return rc ? rc : count;
}

static int i2c_transfer_over(struct i2c_adapter *adapter, struct i2c_msg *messages, int count)
{
	int rc;

	mutex_lock(&wire.one);
	rc = carry(messages, count);
	mutex_unlock(&wire.one);
	return rc;
}

static u32 i2c_abilities(struct i2c_adapter *adapter)
{
	return I2C_FUNC_I2C | I2C_FUNC_SMBUS_EMUL;
}

static const struct i2c_algorithm i2c_rules = {
	.xfer = i2c_transfer_over,
	.functionality = i2c_abilities,
};

static struct i2c_adapter adapter = {
	.owner = THIS_MODULE,
	.name = "wires",
	.nr = I2C_NUMBER,
	.algo = &i2c_rules,
};

static int spi_window(struct spi_controller *controller, struct spi_message *message)
{
	struct spi_transfer *each;
	u8 select = spi_get_chipselect(message->spi, 0);
	int rc = 0;

	mutex_lock(&wire.one);
	wire.asked = 0;
	put(&select, 1);
	list_for_each_entry(each, &message->transfers, transfer_list) {
		if (!each->tx_buf || wire.asked + each->len > BYTES_MAX) {
			rc = -EMSGSIZE;
			break;
		}
		put(each->tx_buf, each->len);
		message->actual_length += each->len;
	}
	/* Nobody on an SPI bus can say that nobody listens. */
	if (!rc)
		exchange(SPI);
	mutex_unlock(&wire.one);
	message->status = rc;
	spi_finalize_current_message(controller);
	return rc;
}

static struct spi_controller *controller;

static int __init spi_begin(void)
{
	struct spi_board_info sign = {
		.modalias = "dh2228fv",
		.max_speed_hz = 10000000,
		.bus_num = SPI_NUMBER,
	};
	int rc;

	controller = spi_alloc_host(&parent->dev, 0);
	if (!controller)
		return -ENOMEM;
	controller->bus_num = SPI_NUMBER;
	controller->num_chipselect = SPI_SELECTS;
	controller->mode_bits = SPI_CPOL | SPI_CPHA;
	controller->transfer_one_message = spi_window;
	rc = spi_register_controller(controller);
	if (rc) {
		spi_controller_put(controller);
		return rc;
	}
	for (sign.chip_select = 0; sign.chip_select < SPI_SELECTS; sign.chip_select++)
		if (!spi_new_device(controller, &sign))
			pr_warn("wires: no device on chip select %d\n", sign.chip_select);
	return 0;
}

/* Never unloaded: the machine lives for one run of the tests. */
static int __init wires_begin(void)
{
	int rc;

	parent = platform_device_register_simple("wires", -1, NULL, 0);
	if (IS_ERR(parent))
		return PTR_ERR(parent);
	adapter.dev.parent = &parent->dev;
	mutex_init(&wire.one);
	mutex_init(&wire.lock);
	init_waitqueue_head(&wire.moved);
	rc = misc_register(&far_end);
	rc = rc ? rc : i2c_add_numbered_adapter(&adapter);
	return rc ? rc : spi_begin();
}
module_init(wires_begin);
MODULE_DESCRIPTION("I2C and SPI buses whose far end is a program");
MODULE_LICENSE("GPL");
