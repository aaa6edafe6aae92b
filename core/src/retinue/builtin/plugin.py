"""torch's and torchvision's own parts under string names."""

from retinue.hooks import Register, hookimpl


@hookimpl
def retinue_tasks(register: Register) -> None:
    package = "retinue.builtin.tasks"
    register("classification", f"{package}.classification:Classification", summary="one class for each picture")
    register("multilabel", f"{package}.multilabel:Multilabel", summary="any number of classes for each picture")
    register("regression", f"{package}.regression:Regression", summary="one or several numbers for each picture")
    register("segmentation", f"{package}.segmentation:Segmentation", summary="one class for each pixel")


@hookimpl
def retinue_datasets(register: Register) -> None:
    package = "retinue.builtin.datasets"
    register("digits", f"{package}.digits:Digits", summary="1,797 handwritten digits, 8 x 8 grey, embedded (UCI)")
    register("mnist", f"{package}.mnist:MNIST", summary="handwritten digits, 28 x 28 grey, 60,000 + 10,000")
    register(
        "fashion-mnist", f"{package}.mnist:FashionMNIST", summary="pieces of clothing, 28 x 28 grey, 60,000 + 10,000"
    )
    register("cifar10", f"{package}.cifar:CIFAR10", summary="photographs of 10 classes, 32 x 32 RGB, 50,000 + 10,000")
    register(
        "cifar100", f"{package}.cifar:CIFAR100", summary="photographs of 100 classes, 32 x 32 RGB, 50,000 + 10,000"
    )
    register("image-folder", f"{package}.image_folder:ImageFolder", summary="pictures in one folder for each class")
    register("csv", f"{package}.csv_file:CsvFile", summary="picture paths and labels or values in a CSV file")
    register("mask-folder", f"{package}.mask_folder:MaskFolder", summary="pictures and their masks in two folders")
    register(
        "digit-scenes",
        f"{package}.digit_scenes:DigitScenes",
        summary="scenes of handwritten digits with masks, embedded",
    )
    register("fake", f"{package}.fake:Fake", summary="learnable random pictures, for trying things out")


@hookimpl
def retinue_transforms(register: Register) -> None:
    package = "retinue.builtin.transforms"
    framing, warping = f"{package}.framing", f"{package}.warping"
    register("resize", f"{framing}:resize", summary="resize, with antialiasing")
    register("center-crop", f"{framing}:center_crop", summary="cut out the middle")
    register("random-crop", f"{framing}:random_crop", summary="cut out a part, after padding if wanted")
    register("random-resized-crop", f"{framing}:random_resized_crop", summary="cut out a part of random size, resized")
    register("pad", f"{framing}:pad", summary="add a border")
    register("random-zoom-out", f"{framing}:random_zoom_out", summary="put a picture on a larger canvas")
    register("random-horizontal-flip", f"{warping}:random_horizontal_flip", summary="mirror left and right")
    register("random-vertical-flip", f"{warping}:random_vertical_flip", summary="mirror top and bottom")
    register("random-rotation", f"{warping}:random_rotation", summary="turn")
    register("random-affine", f"{warping}:random_affine", summary="turn, move, scale and shear")
    register("random-perspective", f"{warping}:random_perspective", summary="move the corners inwards")
    register("elastic-transform", f"{warping}:elastic_transform", summary="move every pixel by a smooth random field")

    color, quality = f"{package}.color", f"{package}.quality"
    register("color-jitter", f"{color}:color_jitter", summary="change brightness, contrast, saturation and hue")
    register(
        "random-photometric-distort",
        f"{color}:random_photometric_distort",
        summary="change colours and the order of channels (SSD)",
    )
    register("random-channel-permutation", f"{color}:random_channel_permutation", summary="shuffle the channels")
    register("grayscale", f"{color}:grayscale", summary="turn to grey")
    register("random-grayscale", f"{color}:random_grayscale", summary="turn to grey at random")
    register("rgb", f"{color}:rgb", summary="repeat a grey channel three times")
    register("random-equalize", f"{color}:random_equalize", summary="equalise the histogram")
    register("random-autocontrast", f"{color}:random_autocontrast", summary="stretch values to the whole range")
    register("random-invert", f"{color}:random_invert", summary="invert values")
    register("random-posterize", f"{color}:random_posterize", summary="keep the upper bits of values")
    register("random-solarize", f"{color}:random_solarize", summary="invert values above a threshold")
    register("clahe", f"{package}.clahe:clahe", summary="contrast limited adaptive histogram equalisation")
    register("gaussian-blur", f"{quality}:gaussian_blur", summary="blur")
    register("gaussian-noise", f"{quality}:gaussian_noise", summary="add normally distributed noise")
    register("random-adjust-sharpness", f"{quality}:random_adjust_sharpness", summary="sharpen or soften")
    register("jpeg", f"{quality}:jpeg", summary="compress as JPEG")
    register("random-erasing", f"{quality}:random_erasing", summary="cover a random rectangle")

    policies = f"{package}.policies"
    register("auto-augment", f"{policies}:auto_augment", summary="AutoAugment (Cubuk et al., 2019)")
    register("rand-augment", f"{policies}:rand_augment", summary="RandAugment (Cubuk et al., 2020)")
    register(
        "trivial-augment-wide",
        f"{policies}:trivial_augment_wide",
        summary="TrivialAugment (Mueller and Hutter, 2021)",
    )
    register("aug-mix", f"{policies}:aug_mix", summary="AugMix (Hendrycks et al., 2020)")

    scaling, mixing = f"{package}.scaling", f"{package}.mixing"
    register("normalize", f"{scaling}:normalize", summary="to float, less the mean, divided by the deviation")
    register("whiten", f"{scaling}:Whiten", summary="mean 0 and deviation 1 for each picture")
    register("to-dtype", f"{scaling}:to_dtype", summary="change the type of values")
    register("one-hot", f"{package}.labels:OneHot", summary="turn an integer label into a vector")
    register("mixup", f"{mixing}:mixup", summary="blend pictures and labels of a batch (Zhang et al., 2018)")
    register("cutmix", f"{mixing}:cutmix", summary="paste rectangles between pictures of a batch (Yun et al., 2019)")

    composition = f"{package}.composition"
    register("random-apply", f"{composition}:random_apply", summary="apply all or none of several transforms")
    register("random-choice", f"{composition}:random_choice", summary="apply one of several transforms")
    register("random-order", f"{composition}:random_order", summary="apply several transforms in random order")


@hookimpl
def retinue_models(register: Register) -> None:
    package = "retinue.builtin.models"
    register("lenet", f"{package}.lenet:LeNet", summary="LeNet of PyTorch's CIFAR-10 tutorial, any picture size")
    register("mlp", f"{package}.mlp:MLP", summary="linear layers over a picture's values")


@hookimpl
def retinue_losses(register: Register) -> None:
    package = "retinue.builtin.losses"
    register(
        "cross-entropy",
        f"{package}.classes:CrossEntropy",
        summary="softmax cross-entropy, with class weights and label smoothing",
    )
    register("focal", f"{package}.classes:Focal", summary="focal loss over softmax probabilities (Lin et al., 2017)")
    register("bce", f"{package}.binary:BinaryCrossEntropy", summary="sigmoid cross-entropy of each class by itself")
    register(
        "sigmoid-focal",
        f"{package}.binary:SigmoidFocal",
        summary="focal loss of each class by itself (Lin et al., 2017)",
    )
    register("mse", f"{package}.values:mse", summary="mean squared error")
    register("l1", f"{package}.values:l1", summary="mean absolute error")
    register("smooth-l1", f"{package}.values:smooth_l1", summary="squared near 0, absolute beyond (Girshick, 2015)")
    register("sum", f"{package}.weighted_sum:WeightedSum", summary="several losses, each times its weight")


@hookimpl
def retinue_metrics(register: Register) -> None:
    package = "retinue.builtin.metrics"
    register("accuracy", f"{package}.classes:Accuracy", summary="share of right decisions")
    register("top-k", f"{package}.classes:TopK", summary="share of samples whose label is among the k most probable")
    register("precision", f"{package}.classes:Precision", summary="share of a class's predictions that is right")
    register("recall", f"{package}.classes:Recall", summary="share of a class's samples that is found")
    register("f1", f"{package}.classes:F1", summary="harmonic mean of precision and recall")
    register("iou", f"{package}.classes:IoU", summary="intersection over union, mean and of each class")
    register(
        "confusion-matrix", f"{package}.classes:ConfusionMatrix", summary="how often each class was taken for each"
    )
    register("mse", f"{package}.values:mse", summary="mean squared error")
    register("mae", f"{package}.values:mae", summary="mean absolute error")


@hookimpl
def retinue_optimizers(register: Register) -> None:
    module = "retinue.builtin.optimizers"
    register("sgd", f"{module}:sgd", summary="stochastic gradient descent, with momentum")
    register("adam", f"{module}:adam", summary="Adam (Kingma and Ba, 2015)")
    register("adamw", f"{module}:adamw", summary="Adam with decoupled weight decay (Loshchilov and Hutter, 2019)")
    register("nadam", f"{module}:nadam", summary="Adam with Nesterov momentum (Dozat, 2016)")
    register("radam", f"{module}:radam", summary="rectified Adam (Liu et al., 2020)")
    register("adamax", f"{module}:adamax", summary="Adam with the largest gradient in place of the mean square")
    register("adagrad", f"{module}:adagrad", summary="Adagrad (Duchi et al., 2011)")
    register("adadelta", f"{module}:adadelta", summary="Adadelta (Zeiler, 2012)")
    register("rmsprop", f"{module}:rmsprop", summary="RMSprop (Hinton, 2012)")
    register("rprop", f"{module}:rprop", summary="resilient backpropagation, for whole-set batches")
    register("asgd", f"{module}:asgd", summary="averaged stochastic gradient descent")
    register("adafactor", f"{module}:adafactor", summary="Adafactor (Shazeer and Stern, 2018)")


@hookimpl
def retinue_schedulers(register: Register) -> None:
    module = "retinue.builtin.schedulers"
    register("step", f"{module}:step", summary="times gamma every few steps")
    register("multi-step", f"{module}:multi_step", summary="times gamma at each milestone")
    register("constant", f"{module}:constant", summary="times a factor at first")
    register("linear", f"{module}:linear", summary="a straight line between two factors")
    register("exponential", f"{module}:exponential", summary="times gamma every step")
    register("polynomial", f"{module}:polynomial", summary="down to 0 as a power of what is left of the run")
    register("cosine", f"{module}:cosine", summary="down along half a cosine over the run")
    register("cosine-warm-restarts", f"{module}:cosine_warm_restarts", summary="half a cosine again and again (SGDR)")
    register("one-cycle", f"{module}:one_cycle", summary="up and far down once over the run")
    register("cyclic", f"{module}:cyclic", summary="between two bounds again and again")
    register("plateau", f"{module}:plateau", summary="times a factor when a metric stops getting better")


@hookimpl
def retinue_callbacks(register: Register) -> None:
    register(
        "profiler",
        "retinue.builtin.callbacks.profiler:Profiler",
        summary="a trace of some steps, and the operators that take most time",
    )
    register(
        "progress",
        "retinue.builtin.callbacks.progress:ProgressReport",
        summary="a progress bar, and a line for each epoch",
    )
    register(
        "tensorboard",
        "retinue.builtin.callbacks.tensorboard:TensorBoard",
        summary="TensorBoard events; `log.tensorboard` adds it",
    )
