#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "extensions/http_filters/compressor/compressor.h"
#include "source/stats/stats.h"
#include "test/http/recorded_chain.h"

namespace weir::extensions::http_filters::compressor {

// What a client reads in `body`; "!" when it is broken or cut off.
std::string decoded(std::string_view coding, std::string_view body);

// A chain with the filter alone between a client's side and a fake terminal. Worker-confined.
class CompressorChain : public http::RecordedChain {
 public:
  // All three codings with small settings, but for what `change` does.
  explicit CompressorChain(CompressorConfig change = {});
  ~CompressorChain() { chain.clear(); }  // before the factory of its filter

  void request(std::string_view accept_encoding, std::string_view method = "GET", Fields more = {});
  // The head of an answer; `length` negative: unknown.
  void answerHead(std::string_view content_type, int64_t length, Fields more = {},
                  bool end_stream = false, int status = 200);
  // An answer as a whole; what the client reads.
  std::string answer(std::string_view content_type, std::string_view body, Fields more = {});
  // A field of what the client got, in lower case; "" when it is not there.
  std::string field(std::string_view name) const;
  uint64_t skipped(Skipped reason) const {
    return stats.value(ids.skipped[static_cast<size_t>(reason)]);
  }

  stats::Store stats;
  CompressorStats ids;

 private:
  std::unique_ptr<CompressorFilterFactory> shared_;
  std::unique_ptr<http::WorkerHttpFilterFactory> factory_;
};

}  // namespace weir::extensions::http_filters::compressor
