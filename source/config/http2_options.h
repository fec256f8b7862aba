#pragma once

#include "source/config/diagnostics.h"
#include "source/http/http2/options.h"

namespace weir::config {

namespace v1 {
class Http2;
}

// What a listener or a cluster says of HTTP/2; defaults for what it leaves out. extended_connect is
// left to the caller.
http::http2::Options readHttp2Options(const v1::Http2& from, const Cursor& at);

}  // namespace weir::config
