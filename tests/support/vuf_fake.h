/* SPDX-License-Identifier: BSD-3-Clause */
/* A scripted vhost-user back end without a socket: answers each message of a front end as
 * the protocol has it, except for the one lie it was told to tell. */
#ifndef TESTS_VUF_FAKE_H
#define TESTS_VUF_FAKE_H

#include <stdint.h>

#include <virtiogpio/vhost_user_front.h>

enum vuf_lie {
    LIE_NONE,
    LIE_HANG_UP,     /* nothing comes, and never will */
    LIE_STALL,       /* nothing comes in time */
    LIE_SHORT,       /* not even a header */
    LIE_REQUEST,     /* an answer to something else */
    LIE_FLAGS,       /* the reply bit is missing */
    LIE_VERSION,     /* version 2 */
    LIE_SIZE_SMALL,  /* a byte less, and says so */
    LIE_SIZE_LARGE,  /* a byte more, and says so */
    LIE_SIZE_FIELD,  /* another size than comes */
    LIE_SIZE_ABSURD, /* 4 GiB */
    LIE_FDS,         /* a descriptor comes along */
    LIE_FDS_MANY,    /* more of them than any message has */
    LIE_REFUSE,      /* a well-formed no */
    LIE_CONTENTS,    /* well-formed, and nonsense: another queue, offset or number */
    LIE_COUNT
};

struct vuf_fake {
    uint64_t offered, protocol;
    uint64_t queues;
    uint8_t config[4096];
    uint64_t base;            /* what GET_VRING_BASE tells in its second word */
    uint32_t config_shift[2]; /* added to what GET_CONFIG says of offset and size */
    unsigned stall_fds;       /* so many came before nothing more did */
    /* The lie, told to the nth message (from 0) of this kind. */
    uint32_t lie_at;
    enum vuf_lie lie;
    unsigned lie_nth;
    /* What was seen. */
    uint32_t seen[64];
    unsigned nseen;
    unsigned acks; /* messages that wanted one */
    uint64_t features, mem_table[5], addr[2][5], enabled[2], base_told[2], num[2];
    uint64_t acked_protocol;
    uint32_t base_asked; /* the second word of the last GET_VRING_BASE */
    uint32_t config_off, config_len;
    unsigned config_rest; /* bytes behind these that were not 0 */
    unsigned fds_seen, fds_out, fds_closed, kicks[8], cuts;
    struct vgpio_vu_msg answer;
    int have_answer;
};

/* One that offers everything; `f` is ready for it. */
void vuf_fake_init(struct vuf_fake *b);
int vuf_fake_front(struct vuf_fake *b, struct vgpio_vuf *f);
/* How often a request was seen. */
unsigned vuf_fake_count(const struct vuf_fake *b, uint32_t request);

extern const struct vgpio_vuf_os vuf_fake_os;

#endif /* TESTS_VUF_FAKE_H */
