#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "source/grpc/status.h"
#include "source/http/header_map.h"

namespace weir::grpc {

// Names and values that travel with a call, in order; a name may be there several times. Names are
// lower case: letters, digits, "_", "-", ".". The value of a name that ends in "-bin" is any bytes
// (base64 on the wire), any other is printable ASCII. Value.
using Metadata = std::vector<std::pair<std::string, std::string>>;

// The first value of `name`, or empty.
std::string_view valueOf(const Metadata& metadata, std::string_view name);

// Whether it may be sent: as above, and no name that HTTP or gRPC itself writes ("te", "host",
// "grpc-timeout"). INTERNAL, which says what is wrong.
Status checkMetadata(const Metadata& metadata);
// Adds it as fields of a head. It has passed checkMetadata().
void writeMetadata(const Metadata& metadata, http::HeaderMap& headers);
// Adds the fields of a head or of trailers that are metadata. False: a "-bin" value is no base64.
[[nodiscard]] bool readMetadata(const http::HeaderMap& headers, Metadata& metadata);

// grpc-status, grpc-message and grpc-status-details-bin of trailers, or of a trailers-only head.
// Without grpc-status, or when it is no number: UNKNOWN, which says so.
Status readStatus(const http::HeaderMap& trailers);

}  // namespace weir::grpc
