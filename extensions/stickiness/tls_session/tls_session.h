#pragma once

#include <memory>

#include "source/upstream/stickiness.h"
#include "source/upstream/sticky_table.h"

namespace weir::extensions::stickiness::tls_session {

struct Options {
  upstream::StickyLimits limits = {};
};

// Clients are known by the id of their TLS session.
std::shared_ptr<const upstream::StickinessFactory> makeFactory(const Options& options);

}  // namespace weir::extensions::stickiness::tls_session
