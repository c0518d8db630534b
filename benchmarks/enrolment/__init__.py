"""What enrolment refuses and what that costs: photos, users by chance, people enrolled twice."""
