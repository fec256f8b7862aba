#pragma once

#include "source/base/version.h"

namespace weir::server {

using base::kVersion;

}  // namespace weir::server
