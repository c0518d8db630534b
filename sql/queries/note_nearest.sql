-- What some faces were compared with.
update photo_faces as f
set nearest_user_id = input.nearest_user_id, nearest_distance = input.nearest_distance,
    second_user_id = input.second_user_id, second_distance = input.second_distance
from unnest(
    %(face_id)s::uuid[], %(nearest_user_id)s::uuid[], %(nearest_distance)s::float8[],
    %(second_user_id)s::uuid[], %(second_distance)s::float8[]
) as input (face_id, nearest_user_id, nearest_distance, second_user_id, second_distance)
where f.id = input.face_id
