#include "extensions/http_filters/common/codecs/codec.h"

#include "source/base/ascii.h"

namespace weir::extensions::http_filters::common::codecs {
namespace {

constexpr std::array<std::string_view, kCodings> kNames = {"gzip", "deflate", "br", "zstd"};

}  // namespace

std::string_view codingName(Coding coding) {
  return kNames[static_cast<size_t>(coding)];
}

std::optional<Coding> codingOf(std::string_view name) {
  for (size_t i = 0; i < kCodings; ++i) {
    if (base::equalsIgnoreCase(name, kNames[i])) return static_cast<Coding>(i);
  }
  if (base::equalsIgnoreCase(name, "x-gzip")) return Coding::kGzip;
  return std::nullopt;
}

bool Encoder::encode(buffer::Buffer& in, Until until, buffer::Buffer& out) {
  if (in.empty()) return until == Until::kLater || encodePiece({}, until, out);
  while (!in.empty()) {
    const std::string_view piece = in.front();
    const bool last = piece.size() == in.size();
    if (!encodePiece(piece, last ? until : Until::kLater, out)) return false;
    in.drain(piece.size());
  }
  return true;
}

Decoder::Result Decoder::decode(buffer::Buffer& in, size_t most, buffer::Buffer& out) {
  Room room{out, most};
  while (!in.empty()) {
    const std::string_view piece = in.front();
    const Result result = decodePiece(piece, room);
    if (result != Result::kGood) return result;
    in.drain(piece.size());
  }
  return Result::kGood;
}

std::unique_ptr<Encoder> makeEncoder(const EncoderSettings& settings) {
  switch (settings.coding) {
    case Coding::kBrotli:
      return makeBrotliEncoder(settings);
    case Coding::kZstd:
      return makeZstdEncoder(settings);
    case Coding::kGzip:
    case Coding::kDeflate:
      break;
  }
  return makeGzipEncoder(settings);
}

std::unique_ptr<Decoder> makeDecoder(Coding coding) {
  switch (coding) {
    case Coding::kBrotli:
      return makeBrotliDecoder();
    case Coding::kZstd:
      return makeZstdDecoder();
    case Coding::kGzip:
    case Coding::kDeflate:
      break;
  }
  return makeZlibDecoder(coding);
}

}  // namespace weir::extensions::http_filters::common::codecs
