/* SPDX-License-Identifier: MIT */
/* escape_sockets.c - what a box can open of the kernel's networking, and what
 * it can change in the one it has. */
#include "probe.h"

#include <arpa/inet.h>
#include <linux/filter.h>
#include <linux/if_packet.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <net/route.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>

#ifndef SIOCGSKNS
#define SIOCGSKNS 0x894c
#endif
#define AF_LAST 64

/* --- families and protocols ------------------------------------------------
 */

/* All that open, by number. */
static const char *try_families(const struct probe *p)
{
    static const int types[] = {SOCK_STREAM, SOCK_DGRAM, SOCK_RAW,
                                SOCK_SEQPACKET, SOCK_RDM};
    char found[2000] = "";

    (void)p;
    for (int family = 0; family < AF_LAST; family++) {
        bool is_open = false;

        for (size_t i = 0; i < PROBE_COUNT(types); i++) {
            is_open = is_open || socket(family, types[i], 0) >= 0;
        }
        size_t len = strlen(found);
        if (is_open) {
            (void)snprintf(found + len, sizeof(found) - len, "%s%d",
                           len ? " " : "", family);
        }
    }
    return say("%s", found);
}

static const char *try_netlinks(const struct probe *p)
{
    char found[2000] = "";

    (void)p;
    for (int protocol = 0; protocol < 32; protocol++) {
        size_t len = strlen(found);

        if (socket(AF_NETLINK, SOCK_RAW, protocol) >= 0) {
            (void)snprintf(found + len, sizeof(found) - len, "%s%d",
                           len ? " " : "", protocol);
        }
    }
    return say("%s", found);
}

/* Of the internet, as streams and as datagrams. */
static const char *try_protocols(const struct probe *p)
{
    char found[2000] = "";

    for (int protocol = 0; protocol < 512; protocol++) {
        size_t len = strlen(found);

        if (socket((int)p->call[0], SOCK_STREAM, protocol) >= 0 ||
            socket((int)p->call[0], SOCK_DGRAM, protocol) >= 0 ||
            socket((int)p->call[0], SOCK_SEQPACKET, protocol) >= 0) {
            (void)snprintf(found + len, sizeof(found) - len, "%s%d",
                           len ? " " : "", protocol);
        }
    }
    return say("%s", found);
}

#define SOCKET(...) CALL(SYS_socket, __VA_ARGS__)

/* --- netlink ---------------------------------------------------------------
 */

struct request {
    struct nlmsghdr head;
    union {
        struct ifinfomsg link;
        struct ifaddrmsg address;
        struct rtmsg route;
    };
    char attributes[64];
};

/* Sends it, and gives the error of the kernel's answer. */
static const char *ask_netlink(struct request *r, size_t body)
{
    struct {
        struct nlmsghdr head;
        struct nlmsgerr error;
        char rest[512];
    } reply;
    int fd = socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE);

    r->head.nlmsg_len += (uint32_t)(NLMSG_HDRLEN + NLMSG_ALIGN(body));
    r->head.nlmsg_flags |= NLM_F_REQUEST | NLM_F_ACK;
    if (fd < 0 || send(fd, r, r->head.nlmsg_len, 0) < 0 ||
        recv(fd, &reply, sizeof(reply), 0) < (ssize_t)sizeof(reply.head)) {
        return answer(-1);
    }
    if (reply.head.nlmsg_type != NLMSG_ERROR) {
        return say("message %u", reply.head.nlmsg_type);
    }
    errno = -reply.error.error;
    return answer(reply.error.error);
}

static void add_attribute(struct request *r, size_t body, unsigned short type,
                          const char *text)
{
    struct rtattr *attribute = (void *)((char *)&r->link + NLMSG_ALIGN(body));
    size_t len = strlen(text) + 1;

    attribute->rta_type = type;
    attribute->rta_len = (unsigned short)RTA_LENGTH(len);
    memcpy(RTA_DATA(attribute), text, len);
    r->head.nlmsg_len += (uint32_t)RTA_ALIGN(attribute->rta_len);
}

static const char *try_new_link(const struct probe *p)
{
    struct request r = {.head.nlmsg_type = RTM_NEWLINK,
                        .head.nlmsg_flags = NLM_F_CREATE | NLM_F_EXCL};

    (void)p;
    add_attribute(&r, sizeof(r.link), IFLA_IFNAME, "probe0");
    return ask_netlink(&r, sizeof(r.link));
}

static const char *try_link_up(const struct probe *p)
{
    struct request r = {.head.nlmsg_type = RTM_NEWLINK,
                        .link.ifi_index = 1,
                        .link.ifi_flags = IFF_UP,
                        .link.ifi_change = IFF_UP};

    (void)p;
    return ask_netlink(&r, sizeof(r.link));
}

static const char *try_new_address(const struct probe *p)
{
    struct request r = {.head.nlmsg_type = RTM_NEWADDR,
                        .address.ifa_family = AF_INET,
                        .address.ifa_prefixlen = 8,
                        .address.ifa_index = 1};

    (void)p;
    return ask_netlink(&r, sizeof(r.address));
}

static const char *try_new_route(const struct probe *p)
{
    struct request r = {.head.nlmsg_type = RTM_NEWROUTE,
                        .head.nlmsg_flags = NLM_F_CREATE,
                        .route.rtm_family = AF_INET,
                        .route.rtm_table = RT_TABLE_MAIN,
                        .route.rtm_type = RTN_UNICAST};

    (void)p;
    return ask_netlink(&r, sizeof(r.route));
}

static const char *try_interfaces(const struct probe *p)
{
    struct if_nameindex *list = if_nameindex();
    char found[2000] = "";

    (void)p;
    for (struct if_nameindex *at = list; at && at->if_index; at++) {
        size_t len = strlen(found);

        (void)snprintf(found + len, sizeof(found) - len, "%s%s", len ? " " : "",
                       at->if_name);
    }
    return say("%s", found);
}

/* Messages of all network namespaces that have an id here. */
static const char *try_all_namespaces(const struct probe *p)
{
    int one = 1;
    int fd = socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE);

    (void)p;
    return answer(setsockopt(fd, SOL_NETLINK, NETLINK_LISTEN_ALL_NSID, &one,
                             sizeof(one)));
}

/* --- options and ioctls ----------------------------------------------------
 */

static const char *try_option(const struct probe *p)
{
    int value = (int)p->call[2];
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    return answer(setsockopt(fd, (int)p->call[0], (int)p->call[1], &value,
                             sizeof(value)));
}

/* Rules of a packet filter: 84 zeros are a table without a name. */
static const char *try_iptables(const struct probe *p)
{
    char zeros[256] = "";
    socklen_t len = 84;
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    (void)p; /* IPT_SO_GET_INFO */
    return answer(getsockopt(fd, SOL_IP, 64, zeros, &len));
}

static const char *try_interface_ioctl(const struct probe *p)
{
    struct ifreq request = {.ifr_name = "lo"};
    int fd = socket(AF_INET, SOCK_DGRAM, 0);

    return answer(ioctl(fd, (unsigned long)p->call[0], &request));
}

static const char *try_route_ioctl(const struct probe *p)
{
    struct rtentry route;
    int fd = socket(AF_INET, SOCK_DGRAM, 0);

    (void)p;
    memset(&route, 0, sizeof(route));
    return answer(ioctl(fd, SIOCADDRT, &route));
}

static const char *try_namespace_of_socket(const struct probe *p)
{
    int fd = socket(AF_INET, SOCK_DGRAM, 0);

    (void)p;
    return answer(ioctl(fd, SIOCGSKNS));
}

static const char *try_low_port(const struct probe *p)
{
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(80)};
    int fd = socket(AF_INET, SOCK_DGRAM, 0);

    (void)p;
    return answer(bind(fd, (void *)&in, sizeof(in)));
}

static const char *try_datagram_away(const struct probe *p)
{
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(53)};
    int fd = socket(AF_INET, SOCK_DGRAM, 0);

    in.sin_addr.s_addr = inet_addr(p->arg);
    return answer(sendto(fd, "x", 1, 0, (void *)&in, sizeof(in)));
}

/* --- claiming to be somebody -----------------------------------------------
 */

static const char *try_credentials(const struct probe *p)
{
    struct ucred claim = {
        .pid = (pid_t)p->call[0], .uid = (uid_t)p->call[1], .gid = getgid()};
    char control[CMSG_SPACE(sizeof(claim))] = "";
    char byte = 'x';
    struct iovec data = {&byte, 1};
    struct msghdr message = {.msg_iov = &data,
                             .msg_iovlen = 1,
                             .msg_control = control,
                             .msg_controllen = sizeof(control)};
    struct cmsghdr *head = CMSG_FIRSTHDR(&message);
    int fds[2];

    if (socketpair(AF_UNIX, SOCK_DGRAM, 0, fds) < 0) {
        return answer(-1);
    }
    *head =
        (struct cmsghdr){CMSG_LEN(sizeof(claim)), SOL_SOCKET, SCM_CREDENTIALS};
    memcpy(CMSG_DATA(head), &claim, sizeof(claim));
    return answer(sendmsg(fds[0], &message, 0));
}

static const struct probe probes[] = {
    {"all families", "1 2 10 16", ANYWHERE(try_families, NULL)},
    {"all of netlink", "0", ANYWHERE(try_netlinks, NULL)},
    {"all of IPv4", "0 6 17", ANYWHERE_WITH(try_protocols, NULL, AF_INET)},
    {"all of IPv6", "0 6 17", ANYWHERE_WITH(try_protocols, NULL, AF_INET6)},
    {"packets", "EPERM", SOCKET(AF_PACKET, SOCK_RAW, 0)},
    {"packets of old", "EPERM", SOCKET(AF_INET, SOCK_PACKET, 0)},
    {"raw IPv4", "EPERM", SOCKET(AF_INET, SOCK_RAW, IPPROTO_ICMP)},
    {"raw IPv4, TCP", "EPERM", SOCKET(AF_INET, SOCK_RAW, IPPROTO_TCP)},
    {"raw IPv4, all", "EPERM", SOCKET(AF_INET, SOCK_RAW, IPPROTO_RAW)},
    {"raw IPv6", "EPERM", SOCKET(AF_INET6, SOCK_RAW, IPPROTO_ICMPV6)},
    {"ping", "EPERM", SOCKET(AF_INET, SOCK_DGRAM, IPPROTO_ICMP)},
    {"ping of IPv6", "EPERM", SOCKET(AF_INET6, SOCK_DGRAM, IPPROTO_ICMPV6)},
    {"SCTP", "EPERM", SOCKET(AF_INET, SOCK_STREAM, IPPROTO_SCTP)},
    {"DCCP", "EPERM", SOCKET(AF_INET, SOCK_DCCP, IPPROTO_DCCP)},
    {"UDP-Lite", "EPERM", SOCKET(AF_INET, SOCK_DGRAM, IPPROTO_UDPLITE)},
    {"L2TP", "EPERM", SOCKET(AF_INET, SOCK_DGRAM, 115)},
    {"multipath TCP", "EPERM", SOCKET(AF_INET, SOCK_STREAM, 262)},
    {"hypervisor", "EPERM", SOCKET(AF_VSOCK, SOCK_STREAM, 0)},
    {"kernel's cryptography", "EPERM", SOCKET(AF_ALG, SOCK_SEQPACKET, 0)},
    {"keys of IPsec", "EPERM", SOCKET(AF_KEY, SOCK_RAW, 2)},
    {"CAN", "EPERM", SOCKET(AF_CAN, SOCK_RAW, 1)},
    {"Bluetooth", "EPERM", SOCKET(AF_BLUETOOTH, SOCK_RAW, 1)},
    {"TIPC", "EPERM", SOCKET(AF_TIPC, SOCK_STREAM, 0)},
    {"RDS", "EPERM", SOCKET(AF_RDS, SOCK_SEQPACKET, 0)},
    {"AX.25", "EPERM", SOCKET(AF_AX25, SOCK_DGRAM, 0)},
    {"X.25", "EPERM", SOCKET(AF_X25, SOCK_SEQPACKET, 0)},
    {"LLC", "EPERM", SOCKET(AF_LLC, SOCK_STREAM, 0)},
    {"PPP", "EPERM", SOCKET(AF_PPPOX, SOCK_DGRAM, 0)},
    {"NFC", "EPERM", SOCKET(AF_NFC, SOCK_RAW, 0)},
    {"KCM", "EPERM", SOCKET(AF_KCM, SOCK_DGRAM, 0)},
    {"QIPCRTR", "EPERM", SOCKET(AF_QIPCRTR, SOCK_DGRAM, 0)},
    {"SMC", "EPERM", SOCKET(AF_SMC, SOCK_STREAM, 0)},
    {"XDP", "EPERM", SOCKET(AF_XDP, SOCK_RAW, 0)},
    {"MCTP", "EPERM", SOCKET(45, SOCK_DGRAM, 0)},
    {"family with noise above", "EPERM",
     SOCKET((1L << 32) | AF_VSOCK, SOCK_STREAM, 0)},
    {"pair of IPv4", "EPERM",
     CALL(SYS_socketpair, AF_INET, SOCK_STREAM, 0, BAD)},

    {"netlink of audit", "EPERM", SOCKET(AF_NETLINK, SOCK_RAW, NETLINK_AUDIT)},
    {"netlink of devices", "EPERM",
     SOCKET(AF_NETLINK, SOCK_RAW, NETLINK_KOBJECT_UEVENT)},
    {"netlink of sockets", "EPERM",
     SOCKET(AF_NETLINK, SOCK_RAW, NETLINK_SOCK_DIAG)},
    {"netlink of filters", "EPERM",
     SOCKET(AF_NETLINK, SOCK_RAW, NETLINK_NETFILTER)},
    {"netlink of IPsec", "EPERM", SOCKET(AF_NETLINK, SOCK_RAW, NETLINK_XFRM)},
    {"netlink, generic", "EPERM",
     SOCKET(AF_NETLINK, SOCK_RAW, NETLINK_GENERIC)},
    {"new interface", "EPERM", HERE(try_new_link, NULL)},
    {"interface up", "EPERM", HERE(try_link_up, NULL)},
    {"new address", "EPERM", HERE(try_new_address, NULL)},
    {"new route", "EPERM", HERE(try_new_route, NULL)},
    {"interfaces", "lo", ANYWHERE(try_interfaces, NULL)},
    {"news of other namespaces", "EPERM", ANYWHERE(try_all_namespaces, NULL)},

    {"mark", "EPERM", ANYWHERE_WITH(try_option, NULL, SOL_SOCKET, SO_MARK, 1)},
    {"buffer over its limit", "EPERM",
     ANYWHERE_WITH(try_option, NULL, SOL_SOCKET, SO_SNDBUFFORCE, 1 << 24)},
    {"other buffer over its limit", "EPERM",
     ANYWHERE_WITH(try_option, NULL, SOL_SOCKET, SO_RCVBUFFORCE, 1 << 24)},
    {"debugging", "EACCES",
     ANYWHERE_WITH(try_option, NULL, SOL_SOCKET, SO_DEBUG, 1)},
    {"high priority", "EPERM",
     ANYWHERE_WITH(try_option, NULL, SOL_SOCKET, SO_PRIORITY, 7)},
    {"transparent proxy", "EPERM",
     ANYWHERE_WITH(try_option, NULL, SOL_IP, IP_TRANSPARENT, 1)},
    {"repair of TCP", "EPERM",
     ANYWHERE_WITH(try_option, NULL, SOL_TCP, TCP_REPAIR, 1)},
    {"a bpf program by descriptor", "EINVAL",
     HERE_WITH(try_option, NULL, SOL_SOCKET, SO_ATTACH_BPF, 0)},
    /* the second: a kernel whose filter is a module that is not loaded */
    {"packet filter", "EPERM or ENOPROTOOPT", HERE(try_iptables, NULL)},
    {"lo up", "EPERM", HERE_WITH(try_interface_ioctl, NULL, SIOCSIFFLAGS)},
    {"address of lo", "EPERM",
     HERE_WITH(try_interface_ioctl, NULL, SIOCSIFADDR)},
    {"packet size of lo", "EPERM",
     HERE_WITH(try_interface_ioctl, NULL, SIOCSIFMTU)},
    {"name of lo", "EPERM", HERE_WITH(try_interface_ioctl, NULL, SIOCSIFNAME)},
    {"route by ioctl", "EPERM", HERE(try_route_ioctl, NULL)},
    {"namespace of its socket", "EPERM",
     ANYWHERE(try_namespace_of_socket, NULL)},
    {"port 80", "EACCES", HERE(try_low_port, NULL)},
    {"datagram to a name server", "ENETUNREACH",
     HERE(try_datagram_away, "192.0.2.1")},
    {"datagram to the host's metadata", "ENETUNREACH",
     HERE(try_datagram_away, "169.254.169.254")},
    {"datagram to all", "ENETUNREACH",
     HERE(try_datagram_away, "255.255.255.255")},
    {"datagram away, with a loopback",
     "ENETUNREACH",
     try_datagram_away,
     PROBE_LOOPBACK,
     "192.0.2.1",
     {0}},

    {"credentials of init", "EPERM", HERE_WITH(try_credentials, NULL, 1, 1000)},
    {"credentials of root", "EINVAL or EPERM",
     HERE_WITH(try_credentials, NULL, 2, 0)},
};

int main(int argc, char **argv)
{
    return probe_main(argc, argv, probes, PROBE_COUNT(probes));
}
