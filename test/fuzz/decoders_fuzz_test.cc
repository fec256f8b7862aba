// Arbitrary bytes as compressed bodies. The first byte chooses the coding, the second the split.
// Held to: the same outcome whatever the split, never more than was allowed, and what is encoded
// comes back.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

#include "extensions/http_filters/common/codecs/codec.h"
#include "test/fuzz/entry_point.h"

namespace {

using weir::buffer::BlockPool;
using weir::buffer::Buffer;
using weir::extensions::http_filters::common::codecs::Coding;
using weir::extensions::http_filters::common::codecs::Decoder;
using weir::extensions::http_filters::common::codecs::Encoder;
using weir::extensions::http_filters::common::codecs::makeDecoder;
using weir::extensions::http_filters::common::codecs::makeEncoder;

constexpr size_t kMost = 100'000;

void require(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "violated: %s\n", what);
  std::abort();
}

struct Outcome {
  Decoder::Result result = Decoder::Result::kGood;
  bool complete = false;
  std::string text;
};

Outcome decode(BlockPool& blocks, Decoder& decoder, std::string_view bytes, size_t step) {
  require(decoder.begin(), "a decoder begins");
  Outcome outcome;
  Buffer out(blocks);
  while (!bytes.empty() && outcome.result == Decoder::Result::kGood) {
    Buffer in(blocks);
    in.append(bytes.substr(0, step));
    bytes.remove_prefix(std::min(step, bytes.size()));
    outcome.result = decoder.decode(in, kMost - out.size(), out);
    require(out.size() <= kMost, "never more than was allowed");
  }
  outcome.complete = decoder.complete();
  outcome.text = out.toString();
  return outcome;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 2) return 0;
  const auto coding = static_cast<Coding>(data[0] % 4);
  const size_t step = 1 + data[1];
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 2, size - 2);
  BlockPool blocks;
  const auto decoder = makeDecoder(coding);
  const Outcome whole = decode(blocks, *decoder, bytes, bytes.size() + 1);
  const Outcome pieces = decode(blocks, *decoder, bytes, step);
  const bool good = whole.result == Decoder::Result::kGood;
  require(good == (pieces.result == Decoder::Result::kGood), "the split does not matter");
  if (good) {
    require(whole.text == pieces.text, "nor for the text");
    require(whole.complete == pieces.complete, "nor for the end");
  }
  if (coding == Coding::kDeflate) return 0;
  const auto encoder = makeEncoder({coding, 1, coding == Coding::kGzip ? 9 : 10, 1});
  require(encoder->begin(), "an encoder begins");
  Buffer in(blocks);
  Buffer out(blocks);
  in.append(bytes);
  require(encoder->encode(in, Encoder::Until::kEnd, out), "it encodes");
  const Outcome back = decode(blocks, *decoder, out.toString(), step);
  require(bytes.size() > kMost || (back.complete && back.text == bytes), "and back");
  return 0;
}
