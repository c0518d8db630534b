-- Cut the users into lists of neighbours, in half precision, while everybody works on.
create index concurrently users_face_search_new on users
using ivfflat ((face_embedding::halfvec(:dimension)) halfvec_cosine_ops)
with (lists = :lists)
where face_embedding is not null
