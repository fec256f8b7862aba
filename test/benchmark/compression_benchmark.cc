// Bytes per second of each coding, in pieces as they come from a connection, and what is left of
// them; beginning and ending a small response.
#include <benchmark/benchmark.h>

#include <string>

#include "extensions/http_filters/common/codecs/codec.h"
#include "extensions/http_filters/common/codecs/codec_pool.h"
#include "source/base/random.h"

namespace {

using weir::buffer::BlockPool;
using weir::buffer::Buffer;
using weir::extensions::http_filters::common::codecs::CodecPool;
using weir::extensions::http_filters::common::codecs::Coding;
using weir::extensions::http_filters::common::codecs::codingName;
using weir::extensions::http_filters::common::codecs::Decoder;
using weir::extensions::http_filters::common::codecs::Encoder;
using weir::extensions::http_filters::common::codecs::EncoderSettings;
using weir::extensions::http_filters::common::codecs::makeDecoder;
using weir::extensions::http_filters::common::codecs::makeEncoder;

constexpr size_t kPiece = 16 * 1024;

// Something like the rows of an API: repeated keys, numbers that differ.
std::string rows(size_t size) {
  weir::base::Random random(1);
  std::string text = "[";
  while (text.size() < size) {
    text += R"({"id":)" + std::to_string(random.uniform(1'000'000)) + R"(,"name":"user )" +
            std::to_string(random.uniform(5000)) + R"(","active":)" +
            (random.uniform(2) == 0 ? "true" : "false") + R"(,"score":)" +
            std::to_string(random.unit()) + "},\n";
  }
  text.resize(size);
  return text;
}

// As the filter has them by default.
EncoderSettings settingsOf(int64_t coding) {
  switch (static_cast<Coding>(coding)) {
    case Coding::kBrotli:
      return {Coding::kBrotli, 4, 18};
    case Coding::kZstd:
      return {Coding::kZstd, 3, 18};
    default:
      return {Coding::kGzip, 5, 15, 8};
  }
}

size_t encode(Encoder& encoder, const std::string& text, BlockPool& blocks, Buffer& out) {
  for (size_t at = 0; at < text.size(); at += kPiece) {
    Buffer in(blocks);
    in.append(std::string_view(text).substr(at, kPiece));
    const bool last = at + kPiece >= text.size();
    if (!encoder.encode(in, last ? Encoder::Until::kEnd : Encoder::Until::kLater, out)) return 0;
  }
  return out.size();
}

void Compress(benchmark::State& state) {
  BlockPool blocks;
  const EncoderSettings settings = settingsOf(state.range(0));
  const std::string text = rows(static_cast<size_t>(state.range(1)));
  CodecPool<Encoder> pool([&] { return makeEncoder(settings); }, 1);
  size_t left = 0;
  for (auto _ : state) {
    const auto encoder = pool.lend();
    Buffer out(blocks);
    left = encode(*encoder, text, blocks, out);
  }
  state.SetBytesProcessed(static_cast<int64_t>(state.iterations()) * state.range(1));
  state.counters["percent"] = 100.0 * static_cast<double>(left) / static_cast<double>(text.size());
  state.SetLabel(std::string(codingName(settings.coding)));
}
BENCHMARK(Compress)->ArgsProduct({{0, 2, 3}, {4 * 1024, 1024 * 1024}});

void Decompress(benchmark::State& state) {
  BlockPool blocks;
  const EncoderSettings settings = settingsOf(state.range(0));
  const std::string text = rows(1024 * 1024);
  const auto encoder = makeEncoder(settings);
  Buffer bytes(blocks);
  if (!encoder->begin() || encode(*encoder, text, blocks, bytes) == 0) return;
  CodecPool<Decoder> pool([&] { return makeDecoder(settings.coding); }, 1);
  for (auto _ : state) {
    const auto decoder = pool.lend();
    Buffer in(blocks);
    in.appendShared(bytes);
    Buffer out(blocks);
    benchmark::DoNotOptimize(decoder->decode(in, text.size(), out));
  }
  state.SetBytesProcessed(static_cast<int64_t>(state.iterations() * text.size()));
  state.SetLabel(std::string(codingName(settings.coding)));
}
BENCHMARK(Decompress)->Arg(0)->Arg(2)->Arg(3);

}  // namespace

BENCHMARK_MAIN();
