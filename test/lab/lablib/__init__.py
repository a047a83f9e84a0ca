# SPDX-License-Identifier: GPL-2.0-only
"""What the lab tests and tools/demo are built of: namespaces, servers, clients, the agent."""
