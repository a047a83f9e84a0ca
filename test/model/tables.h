/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * tables.h - a scene written into the balancer's tables as the agent would write it (abi.h).
 */
#ifndef MODEL_TABLES_H
#define MODEL_TABLES_H

#include "balancer.h"
#include "scene.h"

struct layout_caps tables_caps(const struct scene *scene);
/* 0 or -errno (svctable_build). */
int tables_write(const struct scene *scene, void *const memory[BALANCER_TABLES]);

#endif
