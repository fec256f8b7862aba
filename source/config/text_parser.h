#pragma once

#include <string_view>

#include "source/base/registry.h"
#include "source/config/parsed_file.h"

namespace google::protobuf {
class Message;
}

namespace weir::config {

// Reads protobuf text into `message` and the positions of what it gives into `file`. The language
// is that of protobuf's TextFormat::Parser, on the same tokenizer; that parser ends at the first
// value of a wrong type and names unknown fields at the token after them, whereas this one goes on
// behind each mistake, so that one run shows them all at their own line and column.
//
// Extensions (google.protobuf.Any) are written [category/name] { … } or
// [type.googleapis.com/full.Name] { … }; both become the latter. Values are UTF-8.
//
// Every finding goes to file.diagnostics. False when the text lost its structure (an unbalanced
// brace, a stray token): then the rest was not read and `message` is not worth checking.
bool parseText(std::string_view text, const base::Registry& registry, ParsedFile& file,
               google::protobuf::Message& message);

// The same for one field of the outermost message; of others only what they end with is looked at.
bool parseField(std::string_view text, std::string_view field, const base::Registry& registry,
                ParsedFile& file, google::protobuf::Message& message);

}  // namespace weir::config
