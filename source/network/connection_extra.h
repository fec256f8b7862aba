#pragma once

#include <cstdint>
#include <memory>

#include "source/event/timer.h"
#include "source/network/connect_race.h"
#include "source/network/connection.h"
#include "source/network/io_context.h"

namespace weir::network {

// The part of a connection that only connecting, closing and splicing ones need. Worker-confined.
struct Connection::Extra {
  explicit Extra(Connection& owner)
      : timer(owner.io_.dispatcher().wheel(), event::wheelCallback<&Connection::onTimeout>,
              &owner) {}

  event::WheelTimer timer;
  std::unique_ptr<ConnectRace> race;  // while it is open which address is connected to
  SplicePump* source_pump = nullptr;  // set while splice_source_
  SplicePump* target_pump = nullptr;  // set while splice_target_
  uint32_t discarded_bytes = 0;
};

}  // namespace weir::network
