/* The limit: a handler that answers every request with the same bytes, and looks at none. */
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

int main(void)
{
    static char datagram[1 << 18];
    const char answer[] = "HTTP/1.1 200 OK\r\nContent-Length: 13\r\n\r\nHello, world!";
    union { struct cmsghdr align; char space[CMSG_SPACE(sizeof(int))]; } control;
    for (;;) {
        struct iovec data = {datagram, sizeof datagram};
        struct msghdr message = {.msg_iov = &data, .msg_iovlen = 1,
                                 .msg_control = &control, .msg_controllen = sizeof control};
        if (recvmsg(0, &message, 0) <= 0)
            return 0;
        int fd;
        memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof fd);
        if (write(fd, answer, sizeof answer - 1) < 0)
            return 1;
        close(fd);
    }
}
