#pragma once

#include <string>
#include <utility>
#include <vector>

#include "source/http/http2/head_reader.h"
#include "source/http/http2/head_writer.h"

namespace weir::http::http2 {

// The fields of one block.
using FieldList = std::vector<std::pair<std::string, std::string>>;

inline constexpr HeadReader::Bounds kRoomy{1 << 20, 1000, 0};

// Feeds the fields and finishes.
StreamError readRequest(HeadReader& reader, RequestHead& head, const FieldList& fields,
                        bool end_stream = true, bool extended_connect = true,
                        const HeadReader::Bounds& bounds = kRoomy, bool allow_connect = true);
StreamError readResponse(HeadReader& reader, ResponseHead& head, const FieldList& fields,
                         bool end_stream = true, const HeadReader::Asked& asked = {},
                         const HeadReader::Bounds& bounds = kRoomy);
StreamError readTrailers(HeadReader& reader, HeaderMap& trailers, const FieldList& fields,
                         bool end_stream = true, ErrorOrigin origin = ErrorOrigin::kDownstream);

FieldList listOf(std::span<const nghttp2_nv> fields);
FieldList listOf(const HeaderMap& headers);

}  // namespace weir::http::http2
