/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * settings.h - what is fixed for the program's life: rodata that user space fills before loading.
 */
#ifndef LB_BPF_SETTINGS_H
#define LB_BPF_SETTINGS_H

#include "compiler.h"

const volatile struct lb_settings lb_settings = {};

#endif
