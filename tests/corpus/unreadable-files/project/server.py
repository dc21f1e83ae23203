from concurrent import futures

import grpc
import numpy as np

from wire import score_pb2, score_pb2_grpc


class Scorer(score_pb2_grpc.ScorerServicer):
    def Score(self, request, context):
        return score_pb2.Score(value=float(np.mean(request.values)))


if __name__ == "__main__":
    server = grpc.server(futures.ThreadPoolExecutor(4))
    score_pb2_grpc.add_ScorerServicer_to_server(Scorer(), server)
    server.add_insecure_port("[::]:50051")
    server.start()
    server.wait_for_termination()
