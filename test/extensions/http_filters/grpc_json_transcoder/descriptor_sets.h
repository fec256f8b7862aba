#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "extensions/http_filters/grpc_json_transcoder/transcoding.h"

namespace weir::extensions::http_filters::grpc_json_transcoder {

// The descriptor set of a .proto file of this text, with all that it imports, as protoc writes it.
// google/api/{annotations,http,httpbody}.proto and Protobuf's own files can be imported. Fails the
// test when the text is wrong.
std::string descriptorSet(std::string_view proto);

// A service "shop.Shelves" that uses all there is.
std::string_view shelvesProto();

// Message of `type` in the text format, on one line, and back.
std::string textOf(const MessageTypes& types, std::string_view type, std::string_view binary);
std::string binaryOf(const MessageTypes& types, std::string_view type, std::string_view text);

// Of shelvesProto().
std::shared_ptr<const Transcoding> shelves(const Options& options = {});

}  // namespace weir::extensions::http_filters::grpc_json_transcoder
