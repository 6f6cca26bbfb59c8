/* SPDX-License-Identifier: Apache-2.0 */
/* The smallest app: answers every request on 127.0.0.1:PORT with the version in VERSION; SIGTERM ends it. */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static void answer(int connection, const char *version)
{
    char request[4096], text[512], body[128];
    if (read(connection, request, sizeof request) <= 0)
        return;
    int size = snprintf(body, sizeof body, "{\"version\": \"%s\"}", version);
    int all =
        snprintf(text, sizeof text, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s", size, body);
    if (write(connection, text, (size_t)all) != all)
        perror("write");
}

int main(int argc, char **argv)
{
    char version[64] = "";
    FILE *file = fopen("VERSION", "r");
    if (argc != 2 || !file || !fgets(version, sizeof version, file))
        return 2;
    fclose(file);
    version[strcspn(version, "\n")] = '\0';
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((unsigned short)atoi(argv[1]))};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int one = 1, listener = socket(AF_INET, SOCK_STREAM, 0);
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(listener, (struct sockaddr *)&address, sizeof address) != 0 || listen(listener, 64) != 0) {
        perror("cannot listen");
        return 1;
    }
    for (;;) {
        int connection = accept(listener, NULL, NULL);
        if (connection < 0)
            continue;
        answer(connection, version);
        shutdown(connection, SHUT_WR);
        close(connection);
    }
}
