/* SPDX-License-Identifier: BSD-3-Clause */
#include <virtiogpio/vhost_user.h>
