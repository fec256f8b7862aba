#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "extensions/http_filters/grpc_web/grpc_web.h"
#include "source/stats/stats.h"
#include "test/http/recorded_chain.h"

namespace weir::extensions::http_filters::grpc_web {

// Naive and whole, to compare with.
std::string toBase64(std::string_view bytes);
// Of one or more encoded pieces behind each other; "!" when it is not base64.
std::string fromBase64(std::string_view text);
// A gRPC message, or with another flag what looks like one.
std::string message(std::string_view payload, char flag = 0);
// What a gRPC-Web client reads in an answer: a line for each message ("data …"), then the fields of
// the last frame; "!" for what is no frame.
std::string readFrames(std::string_view body);

// A chain with the filter alone between a client's side and a fake terminal. Worker-confined.
class GrpcWebChain : public http::RecordedChain {
 public:
  GrpcWebChain();
  ~GrpcWebChain() { chain.clear(); }  // before the factory of its filter

  // Begins a stream that runs into `to`.
  void begin(std::string_view content_type, http::Terminal& to, Fields more = {},
             bool end_stream = false);
  // The same with a fake one. The Content-Length of the messages is one that no body here has.
  void request(std::string_view content_type, Fields more = {}, bool end_stream = false);
  void answerHead(std::string_view content_type, bool end_stream, int status = 200,
                  Fields more = {});

  uint64_t count(stats::CounterId id) const { return stats.value(id); }

  stats::Store stats;
  const GrpcWebStats ids;

 private:
  std::unique_ptr<http::WorkerHttpFilterFactory> factory_;
};

}  // namespace weir::extensions::http_filters::grpc_web
