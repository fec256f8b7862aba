#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "source/server/admin_handlers.h"
#include "source/server/worker.h"

namespace weir::server {

// An answer for which workers are asked. Main-thread only.
class AskWorkers final : public LaterReply {
 public:
  // `look` runs on the thread of each of `workers`, with its place among them, and must own what it
  // touches; `finish` on the main thread when all have looked.
  using Look = std::function<void(const WorkerView& view, size_t place)>;
  AskWorkers(Server& server, std::vector<uint32_t> workers, Look look,
             std::function<AdminReply()> finish)
      : server_(server),
        workers_(std::move(workers)),
        look_(std::move(look)),
        finish_(std::move(finish)) {}

  void start(Give give) override;

 private:
  void onLooked();

  Server& server_;
  const std::vector<uint32_t> workers_;
  const Look look_;
  const std::function<AdminReply()> finish_;
  Give give_;
  size_t left_ = 0;
  const std::shared_ptr<AskWorkers*> self_ = std::make_shared<AskWorkers*>(this);
};

}  // namespace weir::server
