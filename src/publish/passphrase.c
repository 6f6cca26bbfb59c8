/* SPDX-License-Identifier: Apache-2.0 */
/* Reading of passphrases without echo and without leaving copies behind. */
#include "publish/passphrase.h"

#include "base/fault.h"
#include "base/fs.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

enum { CONTROL_C = 3, CONTROL_D = 4, BACKSPACE = 8, CONTROL_U = 21, DELETE = 127 };

void passphrase_free(char *passphrase)
{
    if (passphrase)
        explicit_bzero(passphrase, strlen(passphrase));
    g_free(passphrase);
}

/* Cuts a line out of what was read; wipes the rest. */
static char *first_line(char *buffer, gsize size, const char *file, GError **error)
{
    gsize length = 0;
    while (length < size && buffer[length] != '\n' && buffer[length] != '\0')
        length++;
    gsize end = length && buffer[length - 1] == '\r' ? length - 1 : length;
    char *line = end > 0 && end <= PASSPHRASE_MAX ? g_strndup(buffer, end) : NULL;
    explicit_bzero(buffer, size);
    if (!line)
        fault_set(error, FAULT_USAGE, "%s: its first line is no passphrase", file);
    return line;
}

static char *read_file(const char *file, GError **error)
{
    char buffer[PASSPHRASE_MAX + 2]; /* and a line end */
    struct stat st;
    fs_fd int fd = open(file, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st) < 0)
        return fault_errno(error, FAULT_USAGE, errno, "cannot read %s", file), NULL;
    if (S_ISREG(st.st_mode) && st.st_mode & (S_IRWXG | S_IRWXO)) {
        fault_set(error, FAULT_USAGE, "%s may be read by others", file);
        fault_hint(error, "chmod 600 %s", file);
        return NULL;
    }
    gsize size = 0;
    ssize_t n = 0;
    while (size < sizeof buffer && (n = read(fd, buffer + size, sizeof buffer - size)) > 0)
        size += (gsize)n;
    if (n < 0) {
        fault_errno(error, FAULT_USAGE, errno, "cannot read %s", file);
        explicit_bzero(buffer, sizeof buffer);
        return NULL;
    }
    return first_line(buffer, size, file, error);
}

/* One line, byte by byte: signals are off, so that the terminal never stays without echo. */
static gboolean read_keys(int tty, char *buffer, gsize *size)
{
    unsigned char key;
    for (*size = 0; read(tty, &key, 1) == 1;) {
        if (key == '\n' || key == '\r' || key == CONTROL_D)
            return TRUE;
        if (key == CONTROL_C)
            return FALSE;
        if (key == CONTROL_U)
            *size = 0;
        else if (key == BACKSPACE || key == DELETE)
            *size -= *size > 0;
        else if (*size < PASSPHRASE_MAX)
            buffer[(*size)++] = (char)key;
    }
    return FALSE;
}

static void say(int tty, const char *text)
{
    if (write(tty, text, strlen(text)) < 0) {
        /* the answer is what counts */
    }
}

static char *ask(int tty, const char *prompt, GError **error)
{
    char buffer[PASSPHRASE_MAX + 1];
    gsize size = 0;
    struct termios before, silent;
    if (tcgetattr(tty, &before) < 0)
        return fault_errno(error, FAULT_USAGE, errno, "cannot ask on the terminal"), NULL;
    silent = before;
    silent.c_lflag &= ~(tcflag_t)(ECHO | ICANON | ISIG);
    say(tty, prompt);
    tcsetattr(tty, TCSAFLUSH, &silent);
    gboolean answered = read_keys(tty, buffer, &size);
    tcsetattr(tty, TCSAFLUSH, &before);
    say(tty, "\n");
    char *answer = answered && size > 0 ? g_strndup(buffer, size) : NULL;
    explicit_bzero(buffer, sizeof buffer);
    if (!answer)
        fault_set(error, FAULT_USAGE, answered ? "the passphrase is empty" : "no passphrase was given");
    return answer;
}

char *passphrase_read(const char *file, const char *whose, gboolean is_new, GError **error)
{
    if (file)
        return read_file(file, error);
    fs_fd int tty = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
    if (tty < 0) {
        fault_set(error, FAULT_USAGE, "there is no terminal to ask on for the passphrase %s", whose);
        fault_hint(error, is_new ? "name a file that holds it: --passphrase-file FILE; or do without: --no-passphrase"
                                 : "name a file that holds it: --passphrase-file FILE");
        return NULL;
    }
    g_autofree char *prompt = g_strdup_printf("Passphrase %s: ", whose);
    char *passphrase = ask(tty, prompt, error);
    char *again = passphrase && is_new ? ask(tty, "Once more: ", error) : NULL;
    gboolean differ = again && strcmp(passphrase, again) != 0;
    if (differ)
        fault_set(error, FAULT_USAGE, "the two passphrases differ");
    if (differ || (is_new && !again)) {
        passphrase_free(passphrase);
        passphrase = NULL;
    }
    passphrase_free(again);
    return passphrase;
}
