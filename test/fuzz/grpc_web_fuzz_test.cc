// Arbitrary bytes as the body of a gRPC-Web request in text, and as a gRPC body. The first byte
// chooses the split. Held to: the same outcome whatever the split, nothing lost on the way through
// base64 and back.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "extensions/http_filters/grpc_web/base64_stream.h"
#include "extensions/http_filters/grpc_web/message_scanner.h"
#include "test/fuzz/entry_point.h"

namespace {

using weir::buffer::BlockPool;
using weir::buffer::Buffer;
using weir::extensions::http_filters::grpc_web::Base64Reader;
using weir::extensions::http_filters::grpc_web::Base64Writer;
using weir::extensions::http_filters::grpc_web::MessageScanner;

void require(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "violated: %s\n", what);
  std::abort();
}

// "!": malformed.
std::string decode(BlockPool& blocks, std::string_view text, size_t step) {
  Base64Reader reader;
  Buffer out(blocks);
  for (; !text.empty(); text.remove_prefix(std::min(step, text.size()))) {
    Buffer in(blocks);
    in.append(text.substr(0, step));
    if (!reader.read(in, out)) return "!";
  }
  return reader.complete() ? "=" + out.toString() : "!";
}

std::string encode(BlockPool& blocks, std::string_view bytes, size_t step) {
  Base64Writer writer;
  Buffer out(blocks);
  for (; !bytes.empty(); bytes.remove_prefix(std::min(step, bytes.size()))) {
    writer.write(bytes.substr(0, step), out);
  }
  writer.flush(out);
  return out.toString();
}

// Where messages end; the last: where it stopped for a flag.
std::vector<size_t> ends(std::string_view bytes, size_t step) {
  MessageScanner scanner;
  std::vector<size_t> found;
  for (size_t at = 0; at < bytes.size();) {
    const std::string_view piece = bytes.substr(at, step);
    const size_t count = scanner.advance(piece);
    require(count <= piece.size(), "it stays within the piece");
    at += count;
    if (scanner.betweenMessages() || scanner.malformed()) found.push_back(at);
    if (scanner.malformed()) return found;
    require(count > 0, "it goes on");
  }
  return found;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  const size_t step = 1 + data[0];
  BlockPool blocks;
  const std::string decoded = decode(blocks, bytes, bytes.size() + 1);
  require(decoded == decode(blocks, bytes, step), "the split of text does not matter");
  require(decoded.size() - 1 <= bytes.size() / 4 * 3, "text is longer than what it says");
  const std::string text = encode(blocks, bytes, step);
  require(text == encode(blocks, bytes, bytes.size() + 1), "nor that of what becomes text");
  require(decode(blocks, text, step) == "=" + std::string(bytes), "and back");
  require(ends(bytes, bytes.size() + 1) == ends(bytes, step), "nor that of messages");
  require(blocks.bytesInUse() == 0, "nothing is kept");
  return 0;
}
