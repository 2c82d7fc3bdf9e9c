// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
/* An I2C adapter and an SPI controller whose far ends are programs.
 *
 * The kernel side is a bus like any other: i2c-dev and spidev open it, and whoever uses them cannot
 * tell. What goes over the wire is handed, one transfer at a time, to the program that has opened
 * /dev/wires-i2c or /dev/wires-spi, and waits for its answer. With no such program, or none that
 * answers, nobody acknowledges: EREMOTEIO, as on a Raspberry Pi with the cable out.
 *
 * read() gives one transfer: for I2C its messages, each as struct part and, when it writes, its
 * bytes; for SPI the chip select as one byte and the bytes of one chip-select window. write() gives
 * the answer: an s32 (0 or a negative errno) and, for I2C, the bytes of every reading message.
 */
#include <linux/i2c.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/platform_device.h>
#include <linux/poll.h>
#include <linux/spi/spi.h>
#include <linux/uaccess.h>
#include <linux/wait.h>

#define BYTES_MAX 8192
#define ANSWER_JIFFIES_MAX HZ
#define I2C_NUMBER 1
#define SPI_NUMBER 0
#define SPI_SELECTS 2

enum turn { IDLE, ASKED, TAKEN, ANSWERED };

struct part {
	__u16 address;
	__u16 flags;
	__u16 length;
};

struct far_end {
	struct miscdevice misc;
	struct mutex one;	/* one transfer at a time */
	struct mutex lock;	/* the fields below */
	wait_queue_head_t moved;
	enum turn turn;
	bool open;
	size_t asked, answered;
	u8 request[BYTES_MAX];
	u8 answer[BYTES_MAX];
};

static void put(struct far_end *end, const void *bytes, size_t count)
{
	memcpy(end->request + end->asked, bytes, count);
	end->asked += count;
}

/* Called with `one` held and the request written. 0, or what the answer's first word says. */
static int exchange(struct far_end *end)
{
	s32 status = -EREMOTEIO;

	mutex_lock(&end->lock);
	if (!end->open) {
		mutex_unlock(&end->lock);
		return status;
	}
	end->turn = ASKED;
	mutex_unlock(&end->lock);
	wake_up_all(&end->moved);
	wait_event_timeout(end->moved, READ_ONCE(end->turn) == ANSWERED || !READ_ONCE(end->open),
			   ANSWER_JIFFIES_MAX);
	mutex_lock(&end->lock);
	if (end->turn == ANSWERED && end->answered >= sizeof(status))
		memcpy(&status, end->answer, sizeof(status));
	end->turn = IDLE;
	mutex_unlock(&end->lock);
	return status > 0 ? -EIO : status;
}

static struct far_end *of(struct file *file)
{
	return container_of(file->private_data, struct far_end, misc);
}

static int far_open(struct inode *inode, struct file *file)
{
	struct far_end *end = of(file);
	int rc = -EBUSY;

	mutex_lock(&end->lock);
	if (!end->open) {
		end->open = true;
		end->turn = IDLE;
		rc = 0;
	}
	mutex_unlock(&end->lock);
	return rc;
}

static int far_release(struct inode *inode, struct file *file)
{
	struct far_end *end = of(file);

	mutex_lock(&end->lock);
	WRITE_ONCE(end->open, false);
	mutex_unlock(&end->lock);
	wake_up_all(&end->moved);
	return 0;
}

static ssize_t far_read(struct file *file, char __user *to, size_t count, loff_t *at)
{
	struct far_end *end = of(file);
	ssize_t rc = -EAGAIN;

	if (!(file->f_flags & O_NONBLOCK) &&
	    wait_event_interruptible(end->moved, READ_ONCE(end->turn) == ASKED))
		return -ERESTARTSYS;
	mutex_lock(&end->lock);
	if (end->turn == ASKED) {
		rc = -EMSGSIZE;
		if (count >= end->asked) {
			rc = copy_to_user(to, end->request, end->asked) ? -EFAULT : end->asked;
			end->turn = TAKEN;
		}
	}
	mutex_unlock(&end->lock);
	return rc;
}

static ssize_t far_write(struct file *file, const char __user *from, size_t count, loff_t *at)
{
	struct far_end *end = of(file);
	ssize_t rc = -EINVAL;

	mutex_lock(&end->lock);
	if (end->turn == TAKEN && count <= BYTES_MAX) {
		rc = copy_from_user(end->answer, from, count) ? -EFAULT : count;
		end->answered = rc < 0 ? 0 : count;
		end->turn = ANSWERED;
	}
	mutex_unlock(&end->lock);
	wake_up_all(&end->moved);
	return rc;
}

static __poll_t far_poll(struct file *file, poll_table *table)
{
	struct far_end *end = of(file);

	poll_wait(file, &end->moved, table);
	return READ_ONCE(end->turn) == ASKED ? EPOLLIN | EPOLLRDNORM : 0;
}

static const struct file_operations far_operations = {
	.owner = THIS_MODULE,
	.open = far_open,
	.release = far_release,
	.read = far_read,
	.write = far_write,
	.poll = far_poll,
};

static struct far_end i2c_end = { .misc.name = "wires-i2c" };
static struct far_end spi_end = { .misc.name = "wires-spi" };
static struct platform_device *parent;

static int carry(struct i2c_msg *messages, int count)
{
	size_t at = sizeof(s32);
	int rc, i;

	i2c_end.asked = 0;
	for (i = 0; i < count; i++) {
		struct i2c_msg *each = &messages[i];
		struct part part = { each->addr, each->flags & I2C_M_RD, each->len };
		size_t more = sizeof(part) + (each->flags & I2C_M_RD ? 0 : each->len);

		if (i2c_end.asked + more > BYTES_MAX)
			return -EMSGSIZE;
		put(&i2c_end, &part, sizeof(part));
		if (!(each->flags & I2C_M_RD))
			put(&i2c_end, each->buf, each->len);
	}
	rc = exchange(&i2c_end);
	for (i = 0; !rc && i < count; i++) {
		if (!(messages[i].flags & I2C_M_RD))
			continue;
		if (at + messages[i].len > i2c_end.answered)
			return -EPROTO;
		memcpy(messages[i].buf, i2c_end.answer + at, messages[i].len);
		at += messages[i].len;
	}
	return rc ? rc : count;
}

static int i2c_transfer_over(struct i2c_adapter *adapter, struct i2c_msg *messages, int count)
{
	int rc;

	mutex_lock(&i2c_end.one);
	rc = carry(messages, count);
	mutex_unlock(&i2c_end.one);
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

	mutex_lock(&spi_end.one);
	spi_end.asked = 0;
	put(&spi_end, &select, 1);
	list_for_each_entry(each, &message->transfers, transfer_list) {
		if (!each->tx_buf || spi_end.asked + each->len > BYTES_MAX) {
			rc = -EMSGSIZE;
			break;
		}
		put(&spi_end, each->tx_buf, each->len);
		message->actual_length += each->len;
	}
	/* Nobody on an SPI bus can say that nobody listens. */
	if (!rc)
		exchange(&spi_end);
	mutex_unlock(&spi_end.one);
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

static int __init far_begin(struct far_end *end)
{
	mutex_init(&end->one);
	mutex_init(&end->lock);
	init_waitqueue_head(&end->moved);
	end->misc.minor = MISC_DYNAMIC_MINOR;
	end->misc.fops = &far_operations;
	return misc_register(&end->misc);
}

/* Never unloaded: the machine lives for one run of the tests. */
static int __init wires_begin(void)
{
	int rc;

	parent = platform_device_register_simple("wires", -1, NULL, 0);
	if (IS_ERR(parent))
		return PTR_ERR(parent);
	adapter.dev.parent = &parent->dev;
	rc = far_begin(&i2c_end);
	rc = rc ? rc : far_begin(&spi_end);
	rc = rc ? rc : i2c_add_numbered_adapter(&adapter);
	return rc ? rc : spi_begin();
}
module_init(wires_begin);
MODULE_DESCRIPTION("I2C and SPI buses whose far ends are programs");
MODULE_LICENSE("GPL");
