#pragma once

#include <cstdint>

namespace weir::benchmark {

// A non-blocking socket of this type (SOCK_STREAM without Nagle's delay, or SOCK_DGRAM) whose
// connection to this port of 127.0.0.1 is made or on its way; -1 when there can be none.
int connectToLoopback(int type, uint16_t port);

// Whether a connection that was on its way has been made, asked when the socket is ready.
bool connectionMade(int fd);

}  // namespace weir::benchmark
